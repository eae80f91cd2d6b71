"""The five findings are made from the files, and README has them as they are now."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from hmmlib.analysis import Results, findings, read_results, say
from write_findings import README, findings_block, with_findings


def test_readme_has_the_findings_of_the_results():
    text = README.read_text(encoding="utf-8")
    assert with_findings(text) == text, "make figures writes them anew"
    assert len(findings()) == 5
    assert all(len(line) <= 120 for line in findings_block().splitlines())


def test_their_numbers_are_those_of_the_files():
    told = dict(findings())
    paper = read_results("figure3_paper")["experiment_1"]
    for curve in ("prompt_tuning", "head_tuning"):
        assert f"{paper[curve]['mean'][-1]:.0f}%" in told["Where the paper's accuracies went"]
    exact = [cell["methods"] for cell in read_results("exact_prompts")["cells"] if cell["n_states"] == 30]
    for method in ("posterior", "head", "prompt_1"):
        mean = np.mean([methods[method]["test"] for methods in exact])
        assert f"{100 * mean:.0f}%" in told["What a linear head misses"]


def changed(**methods: dict[str, float]) -> Results:
    """The book's results with other accuracies, the same for every cell of a file, or without a method."""

    def read(name: str) -> Any:
        content = copy.deepcopy(read_results(name))
        for cell in content.get("cells", ()):
            for method, value in methods.get(name, {}).items():
                if value is None:
                    cell["methods"].pop(method, None)
                else:
                    shift = 0.001 * cell["seed"]
                    cell["methods"][method] = {"test": value + shift, "clear": value + shift}
        return content

    return Results(read)


def test_other_results_give_other_sentences():
    results = changed(exact_prompts={"head_best": 0.91, "head_paper": 0.7, "prompt_paper": 0.8})
    told = dict(findings(results))
    assert (
        "the best one that a search finds on the model's predictions on 92%"
        in told["What a linear head misses"]
    )
    assert (
        "on the perfect model the same training reaches 81% and 71%; fitted ones reach"
        in (told["Where the paper's accuracies went"])
    )


def test_each_claim_is_told_once_and_where_its_verdict_says():
    text = dict(findings())["The experiments"]
    for number in ("1", "2a", "2b", "3", "4", "5a", "5b"):
        assert text.count(f"({number}) ") == 1
    left = text.partition("The paper's own numbers leave open: ")[2]
    assert [number for number in ("1", "2a", "2b", "3", "4", "5a", "5b") if f"({number}) " in left] == say(
        "open-claims"
    ).split(", ")


def test_a_claim_that_fails_is_said_to_fail():
    heads = {"learnt_head_paper": 0.9, "learnt_prompt_paper": 0.5}
    results = changed(head_vs_prompt_laptop=heads)
    assert "They do not reproduce: " in dict(findings(results))["The experiments"]


def test_claims_of_which_networks_have_no_numbers_are_said_to_be_unmeasured():
    results = changed(head_vs_prompt_laptop={"learnt_head": None, "learnt_head_paper": None})
    text = dict(findings(results))["The experiments"]
    assert "(1) heads get worse" in text.partition("Not measured on networks is: ")[2]


def test_what_was_not_measured_is_not_told():
    results = changed(memory_vs_vanilla_laptop={"word_counts": None}, exact_attention={"word_counts": None})
    assert "was not measured" in dict(findings(results))["Memory"]


@pytest.mark.parametrize("text", ["", "<!-- findings -->\n", "<!-- end of findings -->\n<!-- findings -->\n"])
def test_readme_needs_its_marks(text):
    with pytest.raises(ValueError, match="README: expected <!-- findings -->"):
        with_findings(text)
