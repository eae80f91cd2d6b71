"""What the picture of ten papers shows is what the chapters' boxes say, and is taken from the files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ten_papers
from hmmlib.analysis import mean_over_seeds, read_results
from hmmlib.hmm import N_TOKENS
from hmmlib.plotting.ten_papers import ClaimPanel, Gain
from ten_papers import PAPERS

BOOK = Path(__file__).resolve().parent.parent / "book"
INTRO, NEIGHBOURS, BIBLIOGRAPHY = (
    (BOOK / name).read_text(encoding="utf-8") for name in ("intro.md", "neighbours.md", "references.bib")
)


def sides(gain: Gain) -> dict[float, int]:
    """At each place 1 or −1 if the whole interval is above or below zero, else 0."""
    return dict(zip(gain.places, gain.found.side().tolist(), strict=True))


def lines(key: str) -> dict[str, Gain]:
    return dict(PAPERS[key]().gains)


# --- the picture and the pages ---


def test_the_papers_are_those_of_the_page_in_its_order_and_named_as_in_the_bibliography():
    assert list(PAPERS) == re.findall(r"^notebooks/\w+ (\w+)$", NEIGHBOURS, re.MULTILINE)
    for key, panel in PAPERS.items():
        entry = BIBLIOGRAPHY[BIBLIOGRAPHY.index(f"{{{key},") :].partition("\n}")[0]
        surnames = [name.split(",")[0] for name in re.search(r"author\s*= {(.*)}", entry)[1].split(" and ")]
        who = surnames[0] + (" et al." if len(surnames) > 2 else f" and {surnames[1]}")
        assert panel().paper == f"{who} {re.search(r'year *= {(.*)}', entry)[1]}"


def test_the_landing_page_shows_it_and_the_page_of_the_neighbours_refers_to_it():
    figure = INTRO[INTRO.index("_static/ten_papers.svg") :].partition("\n```")[0]
    assert ":name: fig-ten-papers" in figure
    alt, caption = re.search(r"^:alt: (.*)$", figure, re.MULTILINE)[1], figure.partition("\n\n")[2]
    for key in PAPERS:
        surname = PAPERS[key]().paper.split()[0]
        assert surname in alt, "say what its panel shows"
        assert surname in caption, "say what its panel compares"
    assert "95% intervals" in caption
    assert "{numref}`fig-ten-papers`" in NEIGHBOURS


# --- what it shows ---


def test_a_prompt_helps_from_more_states_than_words_on():
    exact, networks = lines("wei2021why").values()
    assert sides(exact) == {states: int(states > N_TOKENS) for states in exact.places}
    assert all(side >= 0 for side in sides(networks).values())
    assert 1 in sides(networks).values()


def test_more_states_beat_pairs_and_on_the_bible_not_triples():
    source, bigram, trigram = lines("chiu2020scaling").values()
    for gain in (source, bigram):
        assert list(sides(gain).values()) == sorted(sides(gain).values())
        assert {-1, 1} <= set(sides(gain).values())
    assert set(sides(trigram).values()) == {-1}
    for gain in (source, bigram, trigram):
        assert (np.diff(gain.found.mean) > 0).all()
    # Beyond as many states as the source has, the last of the places, little is gained.
    assert source.found.mean[-1] - source.found.mean[-2] < 0.1 * np.ptp(source.found.mean)


def test_flows_are_ahead_in_the_quiet_at_most_and_behind_from_15_db_downward():
    panel = PAPERS["ghosh2021robust"]()
    levels = list(panel.ticks.values())
    noisy = levels.index("15")
    for gain in panel.gains.values():
        found = list(sides(gain).values())
        assert set(found[noisy:]) == {-1}
        assert max(found[1:]) <= 0
    assert levels[0] == "clean"
    assert 1 in [sides(gain)[0] for gain in panel.gains.values()]


def test_training_for_errors_helps_a_greedy_search_and_not_beside_a_penalty():
    trained, penalty = lines("lu2020minimum").values()
    assert sides(trained)[1] == 1
    assert trained.found.mean[0] == max(trained.found.mean)
    assert set(sides(penalty).values()) == {0}


def test_looking_up_wins_where_facts_are_many():
    trained, frozen = lines("lewis2020retrieval").values()
    assert set(sides(trained).values()) == {0, 1}
    assert sides(frozen)[min(frozen.places)] == -1
    assert sides(frozen)[max(frozen.places)] == 1


def test_retrofitting_beats_the_masked_model_and_not_counted_words():
    masked, counted = lines("xu2023cloze").values()
    assert set(sides(masked).values()) == {1}
    assert sides(counted)[min(counted.places)] == -1
    assert max(sides(counted).values()) == 0


def test_a_large_frozen_model_helps_with_a_tuned_penalty_and_without_is_worse_than_none():
    tuned, plain = lines("luo2024investigating").values()
    labels = read_results("frozen_size_laptop")["config"]["labels"]
    assert set(sides(tuned).values()) == {1}
    assert (np.diff(tuned.found.mean) > 0).all()
    assert sides(plain)[min(plain.places)] == 1
    assert {side for width, side in sides(plain).items() if width >= labels} == {-1}
    assert plain.places[int(np.argmin(plain.found.mean))] == labels


def test_a_memory_wins_where_no_line_can_and_loses_where_one_can():
    bundles, spread = lines("shi2024reference").values()
    few, *more = bundles.places
    assert [sides(bundles)[n] for n in (few, *more)] == [0] + [1] * len(more)
    assert [sides(spread)[n] for n in (few, *more)] == [0] + [-1] * len(more)


def test_a_forecast_is_worth_something_near_no_gap_and_no_more_than_labelled_questions():
    nothing, questions = lines("kang2024learning").values()
    assert sides(nothing)[0.0] == 1
    assert sides(nothing)[min(nothing.places)] == sides(nothing)[max(nothing.places)] == -1
    assert max(sides(questions).values()) == 0


def test_networks_miss_the_process_unless_something_is_done_against_overfitting():
    none, both = lines("peeperkorn2022can").values()
    assert set(sides(none).values()) == {1}
    assert max(both.found.mean) < 0.25 * min(none.found.mean)


# --- how it is taken from the files ---


def test_differences_are_taken_seed_by_seed():
    cells = [cell for cell in read_results("fact_retrieval_laptop")["cells"] if cell["kind"] == "facts"]
    frozen = lines("lewis2020retrieval")["reader frozen"]
    for place, n in enumerate(frozen.places):
        right = [
            [cell["reader_frozen"]["k_4"]["seen"]["exact_match"], cell["closed"]["seen"]["exact_match"]]
            for cell in cells
            if cell["n_entities"] == n
        ]
        gaps = [100 * (looked_up - known) for looked_up, known in right]
        mean, half = mean_over_seeds(gaps)
        assert frozen.found.mean[place] == pytest.approx(mean)
        assert frozen.found.interval[place] == pytest.approx(half)


def numbers(panel: ClaimPanel) -> dict[str, list[float]]:
    return {
        name: [*map(float, gain.places), *gain.found.mean.tolist(), *gain.found.interval.tolist()]
        for name, gain in panel.gains.items()
    }


@pytest.mark.parametrize("key", PAPERS)
def test_the_order_of_records_in_a_file_is_of_no_account(key, monkeypatch):
    def backwards(name: str) -> dict[str, Any]:
        file = read_results(name)
        return file | {"cells": file["cells"][::-1]}

    before = numbers(PAPERS[key]())
    monkeypatch.setattr(ten_papers, "read_results", backwards)
    after = numbers(PAPERS[key]())
    assert list(after) == list(before)
    for name, found in after.items():
        np.testing.assert_allclose(found, before[name], rtol=1e-9, atol=1e-12)
