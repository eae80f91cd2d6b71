"""The piece "by hand" as a reader uses it: its fractions against sums over all paths of the hidden states."""

from __future__ import annotations

from fractions import Fraction

import pytest

from browser.conftest import STATIC, Open
from browser.pieces import ByHand, barriers, evaluate
from hmmlib import HMM, posteriors

pytestmark = pytest.mark.browser


@pytest.fixture
def hand(open_page: Open) -> ByHand:
    return ByHand(open_page("pieces.html"))


def choose(hand: ByHand, index: int) -> None:
    hand.root.get_by_role("combobox").select_option(index=index)


def test_every_fraction_is_that_of_the_definitions(hand: ByHand) -> None:
    for index in range(hand.machines()):
        choose(hand, index)
        hand.check()
        for position in range(4):
            hand.root.locator(".ex-token").nth(position).click()
            hand.check()
        hand.root.get_by_role("radio", name="3 positions").check()
        assert len(hand.tokens()) == 3
        hand.check()
        hand.root.get_by_role("radio", name="4 positions").check()


def test_the_definitions_are_hmmlibs(hand: ByHand) -> None:
    """The sums over paths, which the fractions are compared with, are what `posteriors` computes."""
    for index in range(hand.machines()):
        choose(hand, index)
        machine = hand.state["machine"]
        tables = {name: machine[name] for name in ("initial", "transition", "emission")}
        hmm = HMM(
            *(
                [[p / 10 for p in row] if isinstance(row, list) else row / 10 for row in t]
                for t in tables.values()
            )
        )
        tokens = [machine["tokens"].index(token) if token != "∅" else 0 for token in hand.tokens()]
        seen = [[token != "∅" for token in hand.tokens()]]
        found = posteriors(hmm, [tokens], observed=seen)
        truth = hand.truth()
        for name, table in (
            ("smoothed", found.smoothed),
            ("leaveOneOut", found.leave_one_out),
            ("conditionals", found.conditionals),
        ):
            for row, expected in zip(truth[name], table[0].T.tolist(), strict=True):
                assert [float(value or 0) for value in row] == pytest.approx(expected, abs=1e-14)
        assert float(found.log_likelihood.exp()) == pytest.approx(float(truth["joint"][0][0] or 0))


def test_each_number_shows_its_computation(hand: ByHand) -> None:
    for index in range(hand.machines()):
        choose(hand, index)
        truth = hand.truth()
        for table, computations in hand.computations().items():
            for row, line in enumerate(computations):
                for position, steps in enumerate(line):
                    numeric = [found for step in steps if (found := evaluate(step)) is not None]
                    assert set(numeric) == {truth[table][row][position]}, steps
                    if table in ("joint", "smoothed", "leaveOneOut", "conditionals"):
                        assert len(numeric) == 3, steps


def test_pointing_at_a_number_shows_its_computation(hand: ByHand) -> None:
    shown = hand.computations()
    for table, row, position in (("beta", 1, 0), ("conditionals", 0, 2)):
        hand.cell(table, position, row).hover()
        assert hand.computation() == shown[table][row][position]


def test_a_computation_is_spelt_out_and_marks_what_it_uses(hand: ByHand) -> None:
    hand.cell("alpha", 2, 1).focus()
    lines = hand.computation()
    assert hand.root.locator(".ex-result").text_content() == "α2(1)"
    assert lines[0] == "A[1,0] α1(0) W[a,0] + A[1,1] α1(1) W[a,1]"
    assert lines[1] == "3/10 · 9/20 · 4/5 + 4/5 · 11/20 · 3/10"
    assert lines[-1] == "6/25 ≈ 0.2400"
    used = hand.root.locator(".ex-entry.ex-used")
    assert used.count() == 2
    for h in range(2):
        assert "ex-used" in (hand.cell("alpha", 1, h).get_attribute("class") or "")


def test_arrow_keys_go_from_number_to_number(hand: ByHand) -> None:
    start = hand.cell("alpha", 1, 0)
    start.focus()
    # One stop of the tab key, whatever is chosen.
    assert hand.root.locator('.ex-entry[tabindex="0"]').count() == 1
    for key, expected in (
        ("ArrowRight", "α2(0)"),
        ("ArrowDown", "α2(1)"),
        ("ArrowDown", "β2(0)"),
        ("ArrowLeft", "β1(0)"),
        ("ArrowUp", "α1(1)"),
    ):
        hand.page.keyboard.press(key)
        assert hand.root.locator(".ex-result").text_content() == expected
        assert hand.root.locator('.ex-entry[tabindex="0"]').count() == 1
    name = hand.cell("alpha", 1, 1).get_attribute("aria-label")
    assert name == "α1(1) = 11/20"


def test_a_token_is_masked_and_comes_back(hand: ByHand) -> None:
    assert hand.tokens() == ["∅", "a", "a", "b"]
    mask = hand.root.get_by_role("button", name="mask position 1")
    assert mask.get_attribute("aria-pressed") == "false"
    mask.press("Enter")
    assert hand.tokens() == ["∅", "∅", "a", "b"]
    mask = hand.root.get_by_role("button", name="mask position 1")
    assert mask.get_attribute("aria-pressed") == "true"
    assert mask.evaluate("e => e === document.activeElement")
    # Under a mask the posterior is the one without the token.
    smoothed, rest = hand.printed("smoothed"), hand.printed("leaveOneOut")
    assert [row[1] for row in smoothed] == [row[1] for row in rest]
    hand.check()
    mask.press("Enter")
    assert hand.tokens() == ["∅", "a", "a", "b"]


def test_sliders_move_in_tenths_and_rows_stay_distributions(hand: ByHand) -> None:
    choose(hand, 1)
    before = hand.state["machine"]["emission"][0]
    hand.slider("emission of b in state 0").press("ArrowRight")
    after = hand.state["machine"]["emission"][0]
    assert after == [before[0], before[1] + 1, before[2] - 1]
    hand.check()
    for name in ("emission of a in state 0", "transition from 1 to 0", "initial probability of state 1"):
        for key in ("End", "ArrowLeft", "ArrowLeft", "Home", "ArrowRight"):
            hand.slider(name).press(key)
            machine = hand.state["machine"]
            rows = [machine["initial"], *machine["transition"], *machine["emission"]]
            assert all(sum(row) == 10 and min(row) >= 0 for row in rows)
            hand.check()
    hand.root.get_by_role("button", name="reset").click()
    assert hand.state["machine"]["emission"][0] == before


def test_an_impossible_text_is_said_to_be_so(hand: ByHand) -> None:
    for state in (0, 1):
        hand.slider(f"emission of a in state {state}").press("Home")
    assert "probability is zero" in hand.root.get_by_role("alert").inner_text()
    hand.check()
    # Two positions cannot be written: without either of them the rest is impossible too.
    assert hand.printed("leaveOneOut")[0] == ["–"] * 4
    hand.root.get_by_role("button", name="mask position 1").click()
    hand.check()
    hand.root.get_by_role("button", name="mask position 2").click()
    assert hand.root.get_by_role("alert").inner_text() == ""
    hand.check()


def test_decimals_are_rounded_from_the_fractions(hand: ByHand) -> None:
    truth = hand.truth()
    hand.root.get_by_role("radio", name="decimals").check()
    for table, rows in truth.items():
        for shown, exact in zip(hand.printed(table), rows, strict=True):
            for text, value in zip(shown, exact, strict=True):
                assert value is not None
                assert abs(Fraction(text) - value) <= Fraction(1, 20000)


def test_fractions_of_any_size(open_page: Open) -> None:
    page = open_page("index.html")
    page.add_script_tag(path=str(STATIC / "explorer_fractions.js"))
    for top, bottom in ((10**40 + 1, 3 * 10**39), (1, 3), (2, 3), (0, 7), (99995, 100000), (5, 5)):
        text = page.evaluate(
            f"""() => {{ const f = ExplorerFractions.fraction({top}n, {bottom}n);
            return [String(f.top), String(f.bottom), ExplorerFractions.decimal(f)]; }}"""
        )
        exact = Fraction(top, bottom)
        assert text[:2] == [str(exact.numerator), str(exact.denominator)]
        assert abs(Fraction(text[2]) - exact) <= Fraction(1, 20000)


def test_nothing_by_hand_is_wider_than_a_phone(open_page: Open) -> None:
    hand = ByHand(open_page("pieces.html", viewport={"width": 390, "height": 800}))
    for index in range(hand.machines()):
        choose(hand, index)
        assert hand.overflow(390) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_that_axe_finds_by_hand(open_page: Open, scheme: str) -> None:
    assert (
        barriers(
            ByHand(open_page("pieces.html", color_scheme=scheme, viewport={"width": 390, "height": 800}))
        )
        == []
    )
