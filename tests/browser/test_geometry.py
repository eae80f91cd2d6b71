"""The live geometry, its mathematics and as a reader uses it, against hmmlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from browser.conftest import STATIC, Open
from browser.geometry_cases import hull_cases, lost_projector, model_case, models, prior_of, read
from browser.pieces import Geometry, barriers
from hmmlib.certificates import hull_distance, row_space_test
from hmmlib.constructions import prompt_head
from hmmlib.hmm import REVIEW_WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

Run = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def run(browser: Browser) -> Iterator[Run]:
    """Evaluate a JavaScript function of one argument beside the mathematics, on an empty page."""
    page = browser.new_page()
    for part in ("maths", "plane"):
        page.add_script_tag(path=str(STATIC / f"explorer_{part}.js"))
    yield page.evaluate
    page.close()


@pytest.fixture
def geometry(open_page: Open) -> Geometry:
    return Geometry(open_page("pieces.html"))


# --- the mathematics ---


def test_the_distance_of_two_hulls_is_hmmlibs(run: Run) -> None:
    cases = hull_cases()
    found = run(
        """cases => cases.map(({points, labels}) => ExplorerPlane.distance(
            ...[0, 1].map(wanted => ExplorerPlane.hull(points.filter((_, i) => labels[i] === wanted)))))""",
        cases,
    )
    meets = 0
    for number, (case, got) in enumerate(zip(cases, found, strict=True)):
        expected = hull_distance(case["points"], case["labels"])
        # hmmlib proves that the distance lies between these two.
        assert expected.margin - 1e-9 <= got["distance"] <= expected.distance + 1e-9, number
        first, second = np.array(got["points"])
        assert abs(np.abs(first - second).sum() / 2 - got["distance"]) < 1e-12, number
        assert got["meet"] == (expected.distance < 1e-9), number
        for point, label in ((first, 0), (second, 1)):
            if not got["meet"]:
                continue
            # A point that lies in a hull is at no distance from it.
            cloud = [p for p, y in zip(case["points"], case["labels"], strict=True) if y == label]
            again = hull_distance([*cloud, point / point.sum()], [0] * len(cloud) + [1])
            assert again.margin < 1e-9, number
        meets += got["meet"]
    assert 20 < meets < len(cases) - 20


def test_every_text_is_read_as_hmmlib_reads_it(run: Run) -> None:
    cases = models()
    found = run(
        """cases => cases.map(({machine, ...task}) => {
            const r = ExplorerPlane.read(machine, task);
            const nothing = machine.initial.map(() => null);
            return {...r, texts: r.texts.map(text => ({...text, inside: text.inside ?? nothing}))}; })""",
        [model_case(*case) for case in cases],
    )
    some = {"lost": 0, "impossible": 0, "switched off": 0, "meet": 0}
    for (hmm, mu, prompt), got in zip(cases, found, strict=True):
        expected = read(hmm, mu, 4, prompt)
        possible = ~expected.posteriors.isnan().any(-1)
        texts = got["texts"]
        assert len(texts) == possible.sum()
        for key, table in (("posterior", expected.posteriors), ("inside", expected.inside)):
            rows = np.array([text[key] for text in texts], dtype=float)
            np.testing.assert_allclose(rows, table[possible], atol=1e-12)
        shown = [text["shown"] or [np.nan] * 3 for text in texts]
        np.testing.assert_allclose(shown, expected.shown[possible], atol=1e-12)
        np.testing.assert_allclose([text["margin"] for text in texts], expected.margins[possible], atol=1e-12)
        prior = prior_of(hmm, prompt)
        np.testing.assert_allclose(got["prior"], prior, atol=1e-12)
        lost = np.array(got["lost"]).reshape(-1, hmm.n_states)
        np.testing.assert_allclose(lost.T @ lost, lost_projector(hmm, prior), atol=1e-6)
        decided, labels = expected.decided, expected.labels
        assert got["decided"] == len(labels)
        if prompt is None:
            tested = row_space_test(hmm, mu)
            assert got["head"]["exact"] == tested.representable
            if tested.head is not None:
                np.testing.assert_allclose(got["head"]["weights"], tested.head.weights, rtol=1e-6, atol=1e-8)
        elif got["head"]["exact"]:
            head = prompt_head(hmm, mu, torch.tensor([prompt], dtype=torch.float64))
            shown = expected.shown[decided]
            values = shown @ torch.tensor(got["head"]["weights"], dtype=torch.float64)
            np.testing.assert_allclose(values, head.values(shown), atol=1e-9)
        values = expected.shown[decided] @ torch.tensor(got["head"]["weights"], dtype=torch.float64)
        assert got["wrong"] == int(((values >= 0).long() != labels).sum())
        if len(set(labels.tolist())) == 2:
            apart = hull_distance(expected.shown[decided], labels)
            assert apart.margin - 1e-9 <= got["apart"]["distance"] <= apart.distance + 1e-9
            some["meet"] += got["apart"]["meet"]
        else:
            assert got["apart"] is None
        some["lost"] += len(lost) > 0
        some["impossible"] += bool((~possible).any())
        some["switched off"] += bool((prior == 0).any())
    assert all(some.values()), some


def test_lines_and_fibres_are_what_they_are_said_to_be(run: Run) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        normal, p = rng.standard_normal(3), rng.dirichlet([1, 1, 1])
        line = np.array(run("n => ExplorerPlane.zeroLine(n, [0, 1, 2])", normal.tolist()))
        assert len(line) == (0 if abs(np.sign(normal).sum()) == 3 else 2)
        direction = rng.standard_normal(3)
        direction -= direction.mean()
        both = [p.tolist(), direction.tolist()]
        ends = np.array(run("([p, v]) => ExplorerPlane.fibre(p, v)", both))
        lines = np.array(run("([p, v]) => ExplorerPlane.linesAlong(v, [0, 1, 2])", both))
        for point in (*line, *ends, *lines.reshape(-1, 3)):
            assert abs(point.sum() - 1) < 1e-12
            assert point.min() > -1e-12
        if len(line):
            assert np.abs(line @ normal).max() < 1e-12
        # Both ends are on the border, and p is between them.
        assert np.abs(ends.min(-1)).max() < 1e-12
        for start, end in (ends, *lines):
            assert np.abs(np.cross(end - start, direction)).max() < 1e-12
        assert (ends[0] - p) @ (ends[1] - p) < 0


# --- as a reader uses it ---


def test_what_is_printed_is_hmmlibs(geometry: Geometry) -> None:
    geometry.check()
    for index in range(1, geometry.machines()):
        geometry.root.get_by_role("combobox").select_option(index=index)
        geometry.check()


@pytest.mark.parametrize("longest", ["1", "2", "5"])
def test_longer_and_shorter_texts(geometry: Geometry, longest: str) -> None:
    geometry.root.get_by_role("radio", name=longest, exact=True).check()
    geometry.check()
    assert len(geometry.state["reading"]["texts"]) == sum(3**n for n in range(int(longest) + 1))


def test_a_column_is_dragged_with_the_mouse(geometry: Geometry) -> None:
    page = geometry.page
    column = geometry.column("praise")
    before = geometry.state["machine"]["emission"]
    # Half-way to the column of the state that describes.
    start, end = (geometry.middle(state) for state in ("praise", "describe"))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.up()
    after = geometry.state["machine"]["emission"]
    half = [(a + b) / 2 for a, b in zip(before[0], before[1], strict=True)]
    assert after[1] == pytest.approx(half, abs=0.011)
    assert after[0] == before[0]
    said = column.get_attribute("aria-valuetext")
    assert said == ", ".join(f"{word} {p:.2f}" for word, p in zip(REVIEW_WORDS, after[1], strict=True))
    assert f"praise: {said}" in geometry.root.locator(".ex-columns").inner_text()
    geometry.check()


def test_a_column_stays_in_the_triangle(geometry: Geometry) -> None:
    geometry.page.mouse.move(*geometry.middle("complain"))
    geometry.page.mouse.down()
    geometry.page.mouse.move(5, 300, steps=4)
    geometry.page.mouse.up()
    column = geometry.state["machine"]["emission"][2]
    assert min(column) == 0
    assert sum(column) == pytest.approx(1, abs=1e-12)
    geometry.check()


def test_arrow_keys_move_a_column(geometry: Geometry) -> None:
    column = geometry.column("praise")
    for key, expected in (
        ("ArrowRight", [0.19, 0.71, 0.1]),
        ("ArrowLeft", [0.2, 0.7, 0.1]),
        ("ArrowUp", [0.19, 0.69, 0.12]),
        ("ArrowDown", [0.2, 0.7, 0.1]),
        ("Shift+ArrowUp", [0.15, 0.65, 0.2]),
    ):
        column.press(key)
        assert geometry.state["machine"]["emission"][1] == pytest.approx(expected, abs=1e-12), key
        assert column.evaluate("e => e === document.activeElement")
    geometry.check()


def test_a_column_on_the_line_of_two_others_loses_a_direction(geometry: Geometry) -> None:
    geometry.root.get_by_role("combobox").select_option(label="chapter 2: three states, three tokens")
    assert "No direction is lost" in geometry.notes()
    assert geometry.shapes("left", "fibres") == 0
    emission = {"0": [0.8, 0.1, 0.1], "1": [0.2, 0.7, 0.1], "2": [0.5, 0.4, 0.1]}
    for state, probs in emission.items():
        geometry.drag(state, probs)
    assert geometry.state["machine"]["emission"] == list(emission.values())
    assert "One direction is lost: W v = 0 for v = (+0.50, +0.50, −1.00)" in geometry.notes()
    assert "No b gives every margin" in geometry.notes()
    assert geometry.shapes("left", "fibres") == 9
    assert geometry.shapes("left", "fibre") == 1
    geometry.check()


def test_a_lost_direction_that_the_texts_do_not_take_costs_nothing(geometry: Geometry) -> None:
    """However a reviewer goes on, the probability that the blank describes stays what it was."""
    geometry.drag("complain", [0.5, 0.4, 0.1])
    assert "No direction is lost" in geometry.notes()
    assert "b gives every margin: b = " in geometry.notes()
    assert geometry.figure("wrong") == 0
    geometry.check()


def test_hulls_that_meet_have_a_star(geometry: Geometry) -> None:
    assert geometry.shapes("right", "budget") == 2
    assert geometry.root.locator(".ex-layer-star text").count() == 0
    geometry.root.get_by_role("combobox").select_option(label="chapter 4: five states, three tokens")
    assert geometry.root.locator(".ex-layer-star text").count() == 1
    assert geometry.shapes("right", "budget") == 0
    assert "no head gets all" in geometry.notes()
    assert geometry.figure("distance") == 0
    geometry.check()


def test_a_prompt_leaves_a_face(geometry: Geometry) -> None:
    geometry.root.get_by_role("combobox").select_option(label="chapter 4: five states, three tokens")
    assert "No b gives every margin" in geometry.notes()
    before = geometry.figure("distance")
    geometry.root.get_by_role("switch").press("Space")
    assert geometry.root.locator(".ex-columns .ex-off").count() == 2
    assert geometry.root.locator(".ex-handle.ex-off").count() == 2
    assert "up to a positive factor" in geometry.notes()
    assert geometry.figure("wrong") == 0
    assert geometry.figure("distance") != before
    # Three states are left: the label line can be drawn.
    assert geometry.shapes("left", "line") == 1
    geometry.check()
    geometry.slider("prompt entry of state 2").press("ArrowRight")
    # The nearest b gets labels wrong, though some head would not.
    assert "No b gives every margin" in geometry.notes()
    assert geometry.figure("wrong") > 0
    assert geometry.root.locator(".ex-layer-star text").count() == 0
    geometry.check()
    for state in range(5):
        geometry.slider(f"prompt entry of state {state}").press("Home")
    assert "The prompt is zero" in geometry.root.get_by_role("alert").inner_text()
    assert not geometry.root.locator(".ex-simplex").first.is_visible()
    geometry.slider("prompt entry of state 3").press("End")
    assert geometry.root.locator(".ex-simplex").first.is_visible()
    geometry.check()


def test_task_and_hmm_can_be_changed(geometry: Geometry) -> None:
    geometry.slider("task weight of state describe").press("End")
    geometry.slider("transition from praise to complain").press("End")
    geometry.slider("initial probability of state praise").press("Home")
    geometry.slider("emission of dull in state describe").press("Home")
    geometry.check()
    geometry.root.get_by_role("button", name="reset").click()
    assert geometry.state["machine"]["mu"] == [0, 1, -1]
    geometry.check()


def test_a_text_is_chosen_on_the_slider_and_in_the_drawing(geometry: Geometry) -> None:
    slider = geometry.slider("text to look at")
    slider.press("End")
    assert slider.get_attribute("aria-valuetext") == "∅ dull dull dull dull"
    geometry.check()
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "∅"
    geometry.check()
    for drawing, key in (("left", "inside"), ("right", "shown")):
        place = geometry.place(drawing, [0.3, 0.45, 0.25])
        geometry.page.mouse.click(*place)
        chosen = geometry.state["selected"]
        corners = np.array([[0, 0], [1, 0], [0.5, 3**0.5 / 2]])
        texts = np.array([text[key] for text in geometry.state["reading"]["texts"]])
        far = np.linalg.norm(texts @ corners - np.array([0.3, 0.45, 0.25]) @ corners, axis=-1)
        # Nearest but for three pixels: a page may be scrolled, and a click lands, by parts of one.
        assert far[chosen] <= far.min() + 0.02
        geometry.check()


def test_an_embedded_geometry_shows_the_panels_asked_for(open_page: Open) -> None:
    geometry = Geometry(open_page("embeds.html"))
    assert geometry.root.get_by_role("switch").count() == 1
    assert geometry.root.locator(".ex-matrix").count() == 0
    assert geometry.root.locator('[aria-label^="task weight"]').count() == 0
    geometry.check()


def test_keys_alone_reach_everything(geometry: Geometry) -> None:
    geometry.root.get_by_role("combobox").focus()
    reached = set()
    for _ in range(80):
        geometry.page.keyboard.press("Tab")
        if not geometry.root.evaluate("e => e.contains(document.activeElement)"):
            break
        name = geometry.page.evaluate("document.activeElement.getAttribute('aria-label') || ''")
        reached.add(name)
    else:
        pytest.fail("the focus never leaves the piece")
    wanted = {"column of W of state praise", "text to look at", "task weight of state complain"}
    assert reached >= wanted | {"prompt entry of state praise", "emission of dull in state praise"}


def test_nothing_of_it_is_wider_than_a_phone(open_page: Open) -> None:
    geometry = Geometry(open_page("pieces.html", viewport={"width": 390, "height": 800}, has_touch=True))
    for index in range(geometry.machines()):
        geometry.root.get_by_role("combobox").select_option(index=index)
        assert geometry.overflow(390) == []
    assert geometry.page.evaluate("document.documentElement.scrollWidth") <= 390
    # A finger drags a column and the page does not scroll.
    assert geometry.column("0").evaluate("e => getComputedStyle(e).touchAction") == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_that_axe_finds_in_the_geometry(open_page: Open, scheme: str) -> None:
    geometry = Geometry(open_page("pieces.html", color_scheme=scheme))
    assert barriers(geometry) == []


def test_without_scripts_the_geometry_has_a_replacement(open_page: Open) -> None:
    page = open_page("pieces.html", java_script_enabled=False)
    assert "needs JavaScript" in page.locator("[data-geometry] .ex-replacement").inner_text()
