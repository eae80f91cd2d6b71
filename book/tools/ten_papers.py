"""What the picture of ten papers shows: for each its gain over a rival, from the files in ``book/results``.

A function for each paper, in the order of the page on neighbouring papers. Each says which chapter it
follows, which file it reads, and what is subtracted from what. Differences are taken seed by seed, and means
over seeds have the intervals of `hmmlib.analysis.mean_over_seeds`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hmmlib.analysis import Mean, Results, Series, group, mean_over_seeds, read_results, weighted_sums
from hmmlib.experiments.pre_memorization import DELTAS
from hmmlib.plotting.ten_papers import ClaimPanel, Gain
from hmmlib.reasoning import r2_about_identity

Record = Mapping[str, Any]
BySeed = dict[int, float]


def prompts_beat_heads() -> ClaimPanel:
    """Chapter *Head vs prompt*: accuracy of a prompt with its head less that of a head alone.

    From ``exact_prompts.json`` and ``head_vs_prompt_laptop.json``, with the least half-width that an accuracy
    has there: the effect of the book's claim 2b.

    Returns:
        Over the number of hidden states, on the exact model and on networks with fitted heads and prompts.
    """
    worlds = Results().worlds
    gains = {}
    for name, slug in {"exact model": "exact", "networks": "fitted"}.items():
        prompt, head = (worlds[slug][curve] for curve in ("prompt", "head"))
        gains[name] = Gain(prompt.points, _difference(prompt, head))
    return ClaimPanel(
        claim="Prompts beat heads",
        paper="Wei et al. 2021",
        gains=gains,
        x_label="hidden states",
        y_label="labels right, points",
        ticks=_named(next(iter(gains.values())).places, leave_out=(8,)),
        legend="upper left",
    )


def many_states_beat_n_grams() -> ClaimPanel:
    """Chapter *Thousands of states*: nats per word that an n-gram pays more than an HMM on test sentences.

    From ``scaling_states_synthetic.json``, at the number of words that the chapter's figure has, and
    ``scaling_states_king_james.json``: logarithm of the n-gram's perplexity less that of the HMM by EM.

    Returns:
        Over the number of states.
    """
    known = read_results("scaling_states_synthetic")
    words = sorted(known["config"]["words"])[1]
    source = [cell for cell in known["cells"] if cell["words"] == words]
    bible = read_results("scaling_states_king_james")["cells"]
    rivals = {
        "source, trigram": (source, "kneser_ney_3"),
        "Bible, bigram": (bible, "kneser_ney_2"),
        "Bible, trigram": (bible, "kneser_ney_3"),
    }
    gains = {}
    for name, (cells, rival) in rivals.items():
        counted = _by_seed(cells, "perplexity/test", arm=rival)
        found = {}
        for n_states in _em_states(cells):
            ours = _by_seed(cells, "perplexity/test", arm=f"em_{n_states}")
            if len(counted) == 1:  # to count has no seed, if the text has none
                counted = dict.fromkeys(ours, next(iter(counted.values())))
            found[n_states] = [float(np.log(ratio)) for ratio in _paired(counted, ours, np.divide)]
        gains[name] = _gain(found)
    return ClaimPanel(
        claim="Large HMMs beat n-grams",
        paper="Chiu and Rush 2020",
        gains=gains,
        x_label="hidden states",
        y_label="nats saved per word",
        ticks=_named((8, 64, 512, 4096)),
        log=True,
        limits=(-1.4, 0.45),
        legend="lower right",
    )


def flows_withstand_noise() -> ClaimPanel:
    """Chapter *Robust classification*: accuracy of flows less that of Gaussians.

    From ``noise_robustness_laptop.json``; both are trained on clean vectors.

    Returns:
        Over the signal-to-noise ratio of the test, for each thickness of the arcs.
    """
    cells = read_results("noise_robustness_laptop")["cells"]
    levels = list(cells[0]["accuracy"])
    gains = {}
    for thickness, some in group(cells, "thickness").items():
        found = {}
        for place, level in enumerate(levels):
            flows, gaussians = (
                _by_seed(some, f"accuracy/{level}", arm=arm, train_noise=0.0)
                for arm in ("flows_3", "mixture_20")
            )
            found[place] = _points(flows, gaussians)
        gains[f"$\\ell$ = {thickness:g}"] = _gain(found)
    return ClaimPanel(
        claim="Flows withstand noise",
        paper="Ghosh et al. 2021",
        gains=gains,
        x_label="signal to noise, dB",
        y_label="labels right, points",
        ticks={place: level.removesuffix(" dB") for place, level in enumerate(levels)},
        legend="lower left",
    )


def training_for_errors_helps() -> ClaimPanel:
    """Chapter *Training for the error you count*: word errors less than after as many steps for likelihood.

    From ``word_error_training_laptop.json``, after the small start: the error rate of what was trained on for
    likelihood less that of what was trained on for word errors, as they are and with a blank penalty chosen
    for each.

    Returns:
        Over the width of the beam.
    """
    cells = read_results("word_error_training_laptop")["cells"]
    ways = {
        "as trained": "beam",
        "penalty chosen": "penalty",
    }
    gains = {}
    for name, how in ways.items():
        widths = next(iter(cells))["models"]["likelihood"][how]
        found = {}
        for width in widths:
            likelihood, errors = (
                _by_seed(cells, f"models/{way}/{how}/{width}/rate", start="small")
                for way in ("likelihood", "word_errors")
            )
            found[int(width)] = _points(likelihood, errors)
        gains[name] = _gain(found)
    return ClaimPanel(
        claim="Training for errors helps",
        paper="Lu et al. 2020",
        gains=gains,
        x_label="strings kept in the beam",
        y_label="word errors saved, points",
        ticks=_named(gains["as trained"].places),
        log=True,
        legend="upper right",
    )


def looking_up_beats_knowing() -> ClaimPanel:
    """Chapter *Answers from documents*: right answers of who looks up less those of a closed book.

    From ``fact_retrieval_laptop.json``: questions about entities that training asked about, four documents.

    Returns:
        Over the number of entities, with a frozen reader and with a trained one.
    """
    cells = read_results("fact_retrieval_laptop")["cells"]
    facts = group([cell for cell in cells if cell["kind"] == "facts"], "n_entities")
    gains = {}
    for name in ("trained", "frozen"):
        found = {}
        for n_entities, some in facts.items():
            asked, closed = (
                _by_seed(some, f"{way}/seen/exact_match") for way in (f"reader_{name}/k_4", "closed")
            )
            found[n_entities] = _points(asked, closed)
        gains[f"reader {name}"] = _gain(found)
    return ClaimPanel(
        claim="Looking up beats knowing",
        paper="Lewis et al. 2020",
        gains=gains,
        x_label="entities to know",
        y_label="answers right, points",
        ticks=_named(facts),
        log=True,
        legend="upper left",
    )


def retrofitting_teaches_reading() -> ClaimPanel:
    """Chapter *Machine reading*: F1 on questions of a retrofitted masked model less that of two rivals.

    From ``machine_reading_laptop.json``, at the smaller learning rate. The rivals are the masked model
    itself, trained on the same examples, and words in common, which need none.

    Returns:
        Over the number of examples.
    """
    file = read_results("machine_reading_laptop")
    cells = [cell for cell in file["cells"] if cell["variant"] == "none"]
    shots, rate = file["config"]["shots"], file["config"]["rate"]
    rivals = {
        "over masked model": ("few_shot/{}/f1", {"start": "masked", "steps": 0}),
        "over counted words": ("overlap/questions/f1", {"start": "nothing", "steps": 0}),
    }
    gains = {}
    for name, (path, cell) in rivals.items():
        found = {}
        for n in shots:
            ours = _by_seed(cells, f"few_shot/{n}/f1", start="masked", rate=rate)
            found[n] = _points(ours, _by_seed(cells, path.format(n), **cell))
        gains[name] = _gain(found)
    return ClaimPanel(
        claim="Retrofitted models read",
        paper="Xu et al. 2023",
        gains=gains,
        x_label="examples",
        y_label="F1, points",
        ticks=_named(shots),
        log=True,
        legend="center right",
    )


def large_frozen_models_help() -> ClaimPanel:
    """Chapter *How big should the frozen model be?*: logarithm of the risk of no head less that of a head.

    From ``frozen_size_laptop.json``, with the smaller noise of the labels. What is asked for has the variance
    1, so that is the risk of a head that says nothing.

    Returns:
        Over the width of the frozen model, for heads with a tuned penalty, and for those of smallest norm.
    """
    file = read_results("frozen_size_laptop")
    noise, labels = min(file["config"]["label_noises"]), file["config"]["labels"]
    gains = {}
    for name, fit in {"penalty": "ridge", "no penalty": "min_norm"}.items():
        found = {}
        for width, some in group(file["cells"], "width").items():
            risks = _by_seed(some, f"noise_{noise:g}/{fit}/median")
            found[width] = [-np.log10(risks[seed]) for seed in sorted(risks)]
        gains[name] = _gain(found)
    return ClaimPanel(
        claim="Large frozen models help",
        paper="Luo et al. 2024",
        gains=gains,
        x_label=f"weights, for {labels} labels",
        y_label="risk saved, powers of ten",
        ticks=_named((8, 32, 100, 256)),
        log=True,
        limits=(-1.0, 0.6),
        legend="lower left",
    )


def memories_replace_heads() -> ClaimPanel:
    """Chapter *A memory in place of a head*: labels that a memory gets right less those of a linear head.

    From ``reference_decoding_laptop.json``: both tuned on validation texts, on what the exact model shows.

    Returns:
        Over the number of labelled texts, in two worlds.
    """
    cells = read_results("reference_decoding_laptop")["cells"]
    gains = {}
    for n_states, some in reversed(group(cells, "n_states").items()):
        found = {}
        for n in some[0]["methods"]["exact"]:
            memory, head = (_by_seed(some, f"methods/exact/{n}/{way}") for way in ("tuned", "head"))
            found[int(n)] = _points(memory, head)
        gains[f"{n_states} states"] = _gain(found)
    return ClaimPanel(
        claim="Memories replace heads",
        paper="Shi et al. 2024",
        gains=gains,
        x_label="labelled texts",
        y_label="labels right, points",
        ticks=_named((16, 256, 4096)),
        log=True,
        limits=(None, 32.0),
        legend="upper left",
    )


def training_foretells_the_test() -> ClaimPanel:
    """Chapter *Accuracy before the copy*: R² of the accuracy before the copy less that of two rivals.

    From ``pre_memorization_laptop.json``, over the runs of each of the main worlds after the last step. The
    rivals are no forecast, whose R² is zero, and the accuracy on a few labelled questions.

    Returns:
        Over the threshold on the gap to Bayes that says what a copy is.
    """
    file = read_results("pre_memorization_laptop")
    labelled = file["config"]["sizes"][2]
    worlds = group([cell for cell in file["cells"] if cell["plane"] == "main"], "seed")
    told = np.array([_worth(runs, "pre_memorization/expected/deltas") for runs in worlds.values()])
    asked = np.array([_worth(runs, "validation/expected") for runs in worlds.values()])
    return ClaimPanel(
        claim="Training foretells tests",
        paper="Kang et al. 2024",
        gains={
            "over no forecast": Gain(DELTAS, mean_over_seeds(told.T)),
            f"over {labelled} questions": Gain(DELTAS, mean_over_seeds((told - asked).T)),
        },
        x_label="threshold of a copy, nats",
        y_label="$R^2$ ahead",
        ticks=_named((-2, -1, 0, 1, 2, 3)),
        limits=(-2.0, 1.99),
        legend="upper right",
    )


def networks_miss_the_process() -> ClaimPanel:
    """Chapter *The process, or its traces?*: generalisation of who knows the markings less a network's.

    From ``process_structure_laptop.json``: variants of the chapter's process are left out at random, and the
    network has no measure against overfitting, or both.

    Returns:
        Over the share of variants that is left out.
    """
    cells = read_results("process_structure_laptop")["cells"]
    here = {"tree": "S4", "folds": "random", "held": 0}
    some = [cell for cell in cells if all(cell[name] == value for name, value in here.items())]
    gains = {}
    for name, setting in {"no measure": "none", "both measures": "both"}.items():
        found = {}
        for runs in group([cell for cell in some if cell["setting"] == setting], "left_out").values():
            markings, network = (
                _by_seed(runs, f"scores/{who}/generalisation") for who in ("markings", "network")
            )
            found[100 * runs[0]["left_out"] / runs[0]["n_variants"]] = _paired(markings, network)
        gains[name] = _gain(found)
    return ClaimPanel(
        claim="Networks miss the process",
        paper="Peeperkorn et al. 2022",
        gains=gains,
        x_label="variants left out, %",
        y_label="generalisation missed",
        ticks=_named((0, 25, 50)),
        legend="center",
    )


PAPERS = {
    "wei2021why": prompts_beat_heads,
    "chiu2020scaling": many_states_beat_n_grams,
    "ghosh2021robust": flows_withstand_noise,
    "lu2020minimum": training_for_errors_helps,
    "lewis2020retrieval": looking_up_beats_knowing,
    "xu2023cloze": retrofitting_teaches_reading,
    "luo2024investigating": large_frozen_models_help,
    "shi2024reference": memories_replace_heads,
    "kang2024learning": training_foretells_the_test,
    "peeperkorn2022can": networks_miss_the_process,
}
"""Each paper by its key in the bibliography, and what makes its panel."""


@cache
def ten_panels() -> tuple[ClaimPanel, ...]:
    """The panels of the picture.

    Returns:
        One for each of `PAPERS`, in their order.
    """
    return tuple(panel() for panel in PAPERS.values())


def _by_seed(cells: Iterable[Record], path: str, **fields: Any) -> BySeed:
    """A number of the record of each seed that has these fields; ``path`` leads to it."""
    found = {}
    for cell in cells:
        if all(cell[name] == value for name, value in fields.items()):
            value: Any = cell
            for name in path.split("/"):
                value = value[name]
            found[cell["seed"]] = float(value)
    return found


def _paired(
    ours: BySeed, rival: BySeed, compare: Callable[[float, float], float] = float.__sub__
) -> list[float]:
    """By how much ours is more, for each seed that both have."""
    return [float(compare(ours[seed], rival[seed])) for seed in sorted(ours) if seed in rival]


def _points(ours: BySeed, rival: BySeed) -> list[float]:
    """The same of shares, in points of percent."""
    return [100 * difference for difference in _paired(ours, rival)]


def _em_states(cells: Iterable[Record]) -> list[int]:
    """Numbers of states of the HMMs by EM with the classes of their text."""
    arms = (re.fullmatch(r"em_(\d+)", cell["arm"]) for cell in cells)
    return sorted({int(arm[1]) for arm in arms if arm})


def _gain(found: Mapping[Any, Sequence[float]]) -> Gain:
    """Means and intervals of the differences that each place has, one for each seed."""
    each = [mean_over_seeds(differences) for differences in found.values()]
    return Gain(tuple(found), Mean(*(np.array(values) for values in zip(*each, strict=True))))


def _difference(one: Series, other: Series) -> Mean:
    return weighted_sums([one, other], [1, -1], np.eye(len(one.points)))


def _worth(runs: Sequence[Record], path: str) -> NDArray[np.float64]:
    """R² of a forecast about the line y = x, over the runs; of each threshold if it has several."""
    last = [run["checkpoints"][-1] for run in runs]
    found = torch.tensor([checkpoint["test"]["expected"] for checkpoint in last], dtype=torch.float64)
    for name in path.split("/"):
        last = [value[name] for value in last]
    told = torch.tensor(last, dtype=torch.float64).reshape(len(runs), -1)
    return np.array([r2_about_identity(column, found) for column in told.T])


def _named(places: Iterable[float], leave_out: Sequence[float] = ()) -> dict[float, str]:
    return {place: "" if place in leave_out else f"{place:,}".replace("-", "−") for place in places}
