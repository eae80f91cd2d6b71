"""What the book found, in five sentences that are made from the result files."""

from __future__ import annotations

import math

from hmmlib.analysis.agreement import HOLDS, reproduction
from hmmlib.analysis.claims import CLAIMS, NOT_MEASURED
from hmmlib.analysis.series import Series, World
from hmmlib.analysis.statements import Results

_THEOREMS = (
    "each is proved again, is right on every random model that satisfies its assumptions, and fails on a "
    "model that lacks one of them."
)
_GROUPS = {
    "reproduced": "our networks reproduce",
    "fitted": "with fitted heads and prompts they also reproduce",
    "not": "they do not reproduce",
    "open": "our seeds leave open",
    "missing": "not measured on networks is",
    "theirs": "the paper's own numbers leave open",
}


def findings(results: Results | None = None) -> tuple[tuple[str, str], ...]:
    """The five findings.

    Args:
        results: Where numbers and verdicts are from; the book's own files by default.

    Returns:
        What each is about, and the sentence, in plain words. What no file has is left out of the sentence.
    """
    found = Results() if results is None else results
    return (
        ("The theorems hold", _THEOREMS),
        ("The experiments", _experiments(found)),
        ("Where the paper's accuracies went", _training(found)),
        ("What a linear head misses", _heads(found)),
        ("Memory", _memory(found)),
    )


def _experiments(results: Results) -> str:
    groups: dict[str, list[str]] = {name: [] for name in _GROUPS}
    for claim in CLAIMS:
        verdicts = [results.finding(claim, slug).verdict for slug in ("paper", "recipe", "fitted")]
        word = reproduction(*verdicts)
        sentence = f"({claim.number}) {claim.sentence}"
        if verdicts[0] != HOLDS:
            held = results.finding(claim, "exact").verdict == HOLDS
            groups["theirs"].append(f"{sentence}{', which holds on the exact model' if held else ''}")
        elif word.startswith("reproduced"):
            groups["reproduced"].append(sentence)
        elif word.startswith("with fitted heads reproduced"):
            groups["fitted"].append(sentence)
        elif verdicts[1] == verdicts[2] == NOT_MEASURED:
            groups["missing"].append(sentence)
        else:
            groups["not" if "not reproduced" in word else "open"].append(sentence)
    parts = [f"{title}: {'; '.join(groups[name])}" for name, title in _GROUPS.items() if groups[name]]
    return ". ".join([parts[0], *(part[0].upper() + part[1:] for part in parts[1:])]) + "."


def _training(results: Results) -> str:
    paper, recipe, fitted = (results.worlds[slug] for slug in ("paper", "exact-recipe", "exact"))
    states, (prompt, head) = paper["prompt"].points[-1], _pair(paper)
    parts = [f"with {states} states its prompts are right on {prompt} of the texts and its heads on {head}"]
    for world, how in ((recipe, "the same training reaches"), (fitted, "fitted ones reach")):
        if {"prompt", "head"} <= world.keys():
            where = "on the perfect model " if len(parts) == 1 else ""
            parts.append(f"{where}{how} {' and '.join(_pair(world))}")
    return "; ".join(parts) + "."


def _heads(results: Results) -> str:
    exact = results.worlds["exact"]
    names = {
        "posterior": "one on the posterior of the hidden state is right on {}",
        "head, best": "the best one that a search finds on the model's predictions on {}",
        "head": "one fitted to the predictions by its log-loss on {}",
    }
    parts = [text.format(_share(exact[curve])) for curve, text in names.items() if curve in exact]
    told = f"of heads on the perfect model with {exact['head'].points[-1]} states, {', '.join(parts)}"
    prompt = (
        f"; behind the best prompt one is right on {_share(exact['prompt'])}" if "prompt" in exact else ""
    )
    return f"{told}{prompt}."


def _memory(results: Results) -> str:
    counts = results.worlds["exact"].get("word counts")
    if counts is None:
        return "whether counting words is enough on the paper's texts with a memory was not measured."
    least = math.floor(float(counts.found.mean.min()))
    return (
        f"on the paper's texts with a memory, counting words is right on {least}% and more, without any "
        "language model."
    )


def _pair(world: World) -> tuple[str, str]:
    return _share(world["prompt"]), _share(world["head"])


def _share(curve: Series) -> str:
    """The accuracy at the most states."""
    return f"{curve.found.mean[-1]:.0f}%"
