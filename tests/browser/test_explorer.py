"""The explorer as a reader uses it; what it shows is compared with hmmlib, not with itself."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from browser.conftest import Open
from browser.reader import SHOWN, Reader, check_every_position, number, truth
from hmmlib import PosteriorTask
from hmmlib.constructions import attention_head, linear_head, prompt_head, recoverable_states

pytestmark = pytest.mark.browser


@pytest.fixture
def reader(open_page: Open) -> Reader:
    return Reader(open_page())


@pytest.fixture
def memory_reader(open_page: Open) -> Reader:
    return Reader(open_page(), 1)


def check_decision(reader: Reader) -> None:
    """Margin and head are those of hmmlib's theorems."""
    state, model = reader.state, reader.model()
    mu, tokens = state["machine"]["mu"], torch.tensor([state["text"]])
    margin = PosteriorTask.two_class(model, mu).posterior(tokens)[0] @ torch.tensor(mu, dtype=torch.float64)
    assert abs(reader.figure("margin") - float(margin)) < SHOWN
    prompt = torch.tensor([state["machine"]["prompt"]], dtype=torch.float64)
    head = prompt_head(model, mu, prompt) if state["prompted"] else linear_head(model, mu)
    assert abs(reader.figure("value") - float(head.values(truth(reader)[1][0]))) < SHOWN


# --- typing, sampling, looking ---


def test_every_number_at_every_position_is_hmmlibs(reader: Reader) -> None:
    check_every_position(reader)
    check_decision(reader)


@pytest.mark.parametrize("kind", ["text so far", "all but this token"])
def test_each_kind_of_posterior(reader: Reader, kind: str) -> None:
    reader.root.get_by_role("radio", name=kind).check()
    check_every_position(reader)


def test_typed_and_clicked_tokens_are_read(reader: Reader) -> None:
    before = reader.figure("margin")
    reader.root.get_by_role("textbox").press("End")
    reader.root.get_by_role("textbox").press_sequentially("cc")
    assert reader.state["text"][-2:] == [2, 2]
    reader.root.get_by_role("button", name="add a").click()
    assert reader.root.get_by_role("textbox").input_value().endswith("cca")
    reader.root.get_by_role("button", name="remove the last token").click()
    reader.write("cb")
    assert reader.root.locator(".ex-heat thead th").all_inner_texts() == ["∅", "c", "b"]
    assert abs(reader.figure("margin") - before) > 0.01
    check_every_position(reader)
    check_decision(reader)


def test_a_sample_has_the_length_asked_for_and_shows_its_states(reader: Reader) -> None:
    reader.root.get_by_role("spinbutton").fill("20")
    reader.root.get_by_role("button", name="sample").click()
    state = reader.state
    assert len(state["text"]) == 20
    assert len(state["truth"]) == 21
    rings = reader.root.locator(".ex-states td.ex-ring")
    assert rings.count() == 21
    assert "the state that wrote it" in reader.root.inner_text()
    check_every_position(reader)


def test_the_longest_text(reader: Reader) -> None:
    reader.root.get_by_role("spinbutton").fill("500")
    reader.root.get_by_role("button", name="sample").click()
    assert len(reader.state["text"]) == 128
    check_decision(reader)
    reader.root.get_by_role("textbox").press_sequentially("a")
    assert "129 tokens" in reader.message()
    assert len(reader.state["text"]) == 128


def test_the_empty_text(reader: Reader) -> None:
    reader.write("")
    shown = torch.tensor(reader.bars("distribution of the hidden state"), dtype=torch.float64)
    assert (shown - reader.model().initial).abs().max() < SHOWN


# --- dragging ---


def test_arrow_keys_on_a_slider_change_the_machine_and_all_numbers(reader: Reader) -> None:
    before = reader.state["machine"]["emission"][0]
    value = reader.figure("value")
    slider = reader.slider("emission of b in state 0")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    row = reader.state["machine"]["emission"][0]
    assert row[1] == pytest.approx(round(before[1], 2) + 0.05)
    assert row[0] / row[2] == pytest.approx(before[0] / before[2])
    assert float(slider.get_attribute("aria-valuetext") or "") == pytest.approx(row[1], abs=0.005)
    assert abs(reader.figure("value") - value) > 1e-3
    check_every_position(reader)
    check_decision(reader)


def test_a_row_comes_back_from_the_end_of_its_slider(reader: Reader) -> None:
    before = reader.state["machine"]["transition"][0]
    slider = reader.slider("transition from 0 to 2")
    slider.press("End")
    assert reader.state["machine"]["transition"][0] == [0, 0, 1]
    slider.press("ArrowLeft")
    row = reader.state["machine"]["transition"][0]
    assert row[0] / row[1] == pytest.approx(before[0] / before[1])


def test_dragging_with_the_mouse(reader: Reader) -> None:
    slider = reader.slider("transition from 1 to 0")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    before = reader.state["machine"]["transition"][1]
    middle = box["y"] + box["height"] / 2
    reader.page.mouse.move(box["x"] + box["width"] * before[0], middle)
    reader.page.mouse.down()
    reader.page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=5)
    reader.page.mouse.up()
    row = reader.state["machine"]["transition"][1]
    assert row[0] == pytest.approx(0.6, abs=0.06)
    assert sum(row) == pytest.approx(1, abs=1e-12)
    check_decision(reader)


def test_the_initial_law_and_the_task_can_be_dragged(reader: Reader) -> None:
    reader.slider("initial probability of state 1").press("Home")
    reader.slider("task weight of state 2").press("End")
    state = reader.state["machine"]
    assert state["initial"][1] == 0
    assert state["mu"][2] == 2
    check_every_position(reader)
    check_decision(reader)


def test_reset_brings_the_machine_back(reader: Reader) -> None:
    before, value = reader.state["machine"], reader.figure("value")
    reader.slider("transition from 0 to 2").press("End")
    reader.write("ccc")
    reader.root.get_by_role("button", name="reset").click()
    assert reader.state["machine"] == before
    assert reader.figure("value") == value


def test_a_kept_head_stays_while_the_machine_moves(reader: Reader) -> None:
    weights = reader.bars("weights b of the head")
    reader.root.get_by_role("radio", name="keep this b").check()
    reader.slider("emission of a in state 1").press("End")
    assert reader.bars("weights b of the head") == weights
    value = torch.tensor(weights, dtype=torch.float64) @ truth(reader)[1][0]
    assert abs(reader.figure("value") - float(value)) < 0.01
    assert abs(reader.figure("value") - reader.figure("margin")) > 0.01
    reader.root.get_by_role("radio", name="b rebuilt").check()
    check_decision(reader)


def test_the_pin_measures_changes(reader: Reader) -> None:
    moved = reader.root.locator(".ex-of-margin .ex-moved")
    assert moved.inner_text() == ""
    before = reader.figure("margin")
    reader.slider("task weight of state 0").press("End")
    change = reader.figure("margin") - before
    said = moved.inner_text().removeprefix("(").removesuffix(" since the pin)")
    assert number(said) == pytest.approx(change, abs=1.5e-4)
    reader.root.get_by_role("button", name="pin").click()
    assert moved.inner_text() == ""


# --- the prompt ---


def test_the_prompt_changes_what_is_shown_and_not_the_margin(reader: Reader) -> None:
    reader.root.get_by_role("combobox").select_option(index=1)
    assert "No b solves" in reader.root.inner_text()
    margin, probs = reader.figure("margin"), reader.bars("token distribution at the blank")
    switch = reader.root.get_by_role("switch")
    switch.press("Space")
    assert reader.state["prompted"]
    assert reader.bars("token distribution at the blank") != probs
    assert reader.figure("margin") == margin
    assert "states 0, 1, 4" in reader.root.inner_text()
    assert reader.root.locator(".ex-verdict").inner_text().endswith("head right")
    check_every_position(reader)
    check_decision(reader)
    reader.slider("prompt entry of state 3").press("Home")
    assert "states 0, 4" in reader.root.inner_text()
    check_every_position(reader)
    check_decision(reader)
    switch.press("Space")
    assert reader.bars("token distribution at the blank") == probs


def test_a_little_of_a_prompt_is_as_bad_as_a_lot(reader: Reader) -> None:
    reader.root.get_by_role("combobox").select_option(index=1)
    reader.root.get_by_role("switch").press("Space")
    reader.slider("prompt entry of state 2").press("ArrowRight")
    assert "states 0, 1, 2, 4" in reader.root.inner_text()
    assert "No b solves" in reader.root.inner_text()


# --- what goes wrong is said ---


def test_an_impossible_text_names_the_position(reader: Reader) -> None:
    reader.root.get_by_role("combobox").select_option(label="chapter 1: three states, four tokens")
    reader.write("aabd")
    assert reader.message() == ""
    reader.write("aadb")
    assert "position 3 (d)" in reader.message()
    assert not reader.root.locator(".ex-figure").first.is_visible()
    reader.slider("emission of d in state 0").press("ArrowRight")
    assert reader.message() == ""
    assert reader.root.locator(".ex-figure").first.is_visible()
    check_every_position(reader)


def test_a_word_that_is_no_token_is_named(reader: Reader) -> None:
    before = reader.state["text"]
    reader.write("abxa")
    assert "“x” at position 3" in reader.message()
    assert reader.state["text"] == before
    reader.write("aba")
    assert reader.message() == ""


def test_an_empty_prompt_is_explained(reader: Reader) -> None:
    reader.root.get_by_role("switch").press("Space")
    for state in range(3):
        reader.slider(f"prompt entry of state {state}").press("Home")
    assert "The prompt is zero" in reader.message()
    reader.slider("prompt entry of state 1").press("End")
    assert reader.message() == ""
    check_decision(reader)


# --- memory ---


def check_memory(reader: Reader) -> None:
    """Posterior, margin and attention head are hmmlib's."""
    state, model = reader.state, reader.model()
    mu, tokens = state["machine"]["mu"], torch.tensor([state["text"]])
    posterior = PosteriorTask.two_class(model, mu, cell=0).posterior(tokens)[0]
    shown = torch.tensor(reader.bars("posterior of the scene"), dtype=torch.float64)
    assert (shown - posterior).abs().max() < SHOWN
    margin = posterior @ torch.tensor(mu, dtype=torch.float64)
    assert abs(reader.figure("margin") - float(margin)) < SHOWN
    head = attention_head(model, mu, cell=0)
    probs = truth(reader)[1][None, 1:]
    assert abs(reader.figure("value") - float(head.values(probs, tokens))) < SHOWN
    rows = reader.root.locator(".ex-heat .ex-head tr")
    keys = rows.nth(1).locator("td").all_inner_texts()[1:]
    assert [int(key) for key in keys] == [round(100 * k) for k in head.keys(probs)[0].tolist()]
    stars = [text == "★" for text in rows.nth(3).locator("td").all_inner_texts()[1:]]
    assert stars == (head.attention(probs)[0] > 0).tolist()


def test_memory_keys_values_and_chosen_positions(memory_reader: Reader) -> None:
    check_every_position(memory_reader)
    check_memory(memory_reader)
    memory_reader.write("the horse is calm light and grim".replace("grim", "cold"))
    check_memory(memory_reader)


def test_memory_can_be_edited(memory_reader: Reader) -> None:
    memory_reader.slider("noun, sea: emission of horse").press("End")
    memory_reader.slider("noun, sea: emission of horse").press("ArrowLeft")
    memory_reader.slider("transition from article to adjective").press("PageUp")
    check_every_position(memory_reader)
    check_memory(memory_reader)
    memory_reader.root.get_by_role("radio", name="adjective").check()
    # Now no mood mixes the others: six columns for five words, and nothing of the scene can be read.
    memory_reader.slider("adjective, torn: emission of calm").press("PageUp")
    assert recoverable_states(memory_reader.model(), cell=0) == ()
    assert "No syntax state of the scene is recoverable" in memory_reader.root.inner_text()
    check_every_position(memory_reader)


def test_equal_columns_are_not_recoverable(memory_reader: Reader) -> None:
    for value in ("sea", "farm"):
        memory_reader.slider(f"noun, {value}: emission of horse").press("End")
    assert "No syntax state of the scene is recoverable" in memory_reader.root.inner_text()
    assert memory_reader.root.locator(".ex-verdict").inner_text().endswith("head: none")
    assert memory_reader.root.locator(".ex-of-value .ex-figure").inner_text() == "–"


# --- for everybody ---


def test_keys_alone_reach_everything(open_page: Open) -> None:
    page = open_page()
    reader = Reader(page)
    reader.root.get_by_role("combobox").focus()
    reached: set[str] = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        name, shown = page.evaluate(
            """() => { const e = document.activeElement, own = getComputedStyle(e);
            const beside = e.nextElementSibling && getComputedStyle(e.nextElementSibling);
            return [e.getAttribute("aria-label") || e.parentElement.textContent || e.textContent,
                own.outlineStyle !== "none" || (beside && beside.outlineStyle !== "none")]; }"""
        )
        if not reader.root.evaluate("e => e.contains(document.activeElement)"):
            break
        assert shown, f"{name}: the focus cannot be seen"
        reached.add(name)
        if name == "text x":
            page.keyboard.type("b")
        if "before the blank" in name:
            page.keyboard.press("Space")
        if name in ("transition from 0 to 0", "prompt entry of state 0", "emission of a in state 0"):
            page.keyboard.press("ArrowLeft")
    else:
        pytest.fail("the focus never leaves the explorer")
    assert {
        "text x",
        "add a",
        "position to look at",
        "task weight of state 0",
        "emission of c in state 2",
    } <= reached
    state = reader.state
    assert state["prompted"]
    assert state["machine"]["prompt"][0] == 0.99
    assert state["text"][-1] == 1
    check_every_position(reader)
    check_decision(reader)


def test_every_control_has_a_name_of_its_own(reader: Reader) -> None:
    names = reader.root.evaluate("e => [...e.querySelectorAll('input[type=range]')].map(i => i.ariaLabel)")
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["explorer.html", "embeds.html"])
def test_nothing_is_wider_than_a_phone(open_page: Open, name: str) -> None:
    page = open_page(name, viewport={"width": 390, "height": 800})
    for index in range(page.locator(".explorer[data-explorer]").count()):
        reader = Reader(page, index)
        reader.root.get_by_role("spinbutton").fill("128")
        reader.root.get_by_role("button", name="sample").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inside = page.evaluate(
        """() => [...document.querySelectorAll('.explorer *')].filter(e =>
        !e.closest('.ex-scroll') && e.getBoundingClientRect().right > 390).length"""
    )
    assert inside == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_barrier_that_axe_finds(open_page: Open, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for prompted in (False, True):
        if prompted:
            Reader(page).root.get_by_role("switch").press("Space")
        options = {"preload": False, "resultTypes": ["violations"]}
        violations = Axe().run(page, options=options).response["violations"]
        found = [
            f"{v['id']}: {v['nodes'][0]['html'][:200]}"
            for v in violations
            if v["impact"] in ("serious", "critical")
        ]
        assert not found
        in_explorer = [v["id"] for v in violations if any(".ex" in str(n["target"]) for n in v["nodes"])]
        assert not in_explorer


def test_without_javascript_there_is_a_replacement(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    replacement = page.locator(".ex-replacement")
    assert replacement.count() == 4
    for text in replacement.all_inner_texts():
        assert "needs JavaScript" in text
    assert page.locator(".explorer input").count() == 0


def test_scripts_are_loaded_where_they_are_used(small_site: Path) -> None:
    mains = ("explorer.js", "explorer_geometry.js", "explorer_by_hand.js")
    for name, used in (("explorer", mains), ("embeds", mains[:2]), ("pieces", mains[1:]), ("index", ())):
        text = (small_site / f"{name}.html").read_text(encoding="utf-8")
        for file in mains:
            assert (f"_static/{file}" in text) == (file in used), (name, file)
        for file in ("explorer_widgets.js", "explorer.css", "explorer_pieces.css"):
            assert (f"_static/{file}" in text) == bool(used), (name, file)


def test_an_embed_shows_the_panels_asked_for(open_page: Open) -> None:
    reader = Reader(open_page("embeds.html"))
    assert reader.root.locator(".ex-reveal").count() == 1
    for panel in (".ex-matrix", ".ex-strip", ".ex-switch"):
        assert reader.root.locator(panel).count() == 0
    check_every_position(reader)


def test_a_static_server_serves_it_too(open_page: Open, small_site: Path) -> None:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(small_site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            reader = Reader(open_page(base=f"http://127.0.0.1:{server.server_port}"))
            reader.slider("emission of b in state 0").press("ArrowRight")
            check_every_position(reader)
        finally:
            server.shutdown()
            thread.join()
