"""What the prose quotes of results: numbers and verdicts by name, made from the result files.

A page writes the role ``result`` with a name, such as ``recipe-head-15``, where it would otherwise repeat a
number, and new result files rewrite the sentence. `statement_names` lists what there is:

- world-curve-states, such as ``recipe-head-15``: an accuracy with its interval; with ``-percent`` the mean;
- claim-number: what a claim says; with ``-whose``; with ``-verdict``: whether it was reproduced;
- claim-number-world: its verdict there; with ``-effect`` the effect that reaches lowest, with ``-needs``
  the seeds that would settle it;
- seeds-world-experiment: a number of seeds; with ``-words`` in words;
- agrees-world, cannot-be-told-world and so on: how many numbers have a verdict; within-movement-world: how
  many are as near to the paper's as its own earlier ones;
- open-claims, coverage-20, may-differ-3, interval-floor and the like.

Worlds are those of `SLUGS`; with ``-helped`` a world of networks borrows the exact model's seeds.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from hmmlib.analysis.agreement import HOLDS, UNKNOWN, VERDICTS, reproduction, tally
from hmmlib.analysis.claims import CLAIMS, NOT_MEASURED, READINGS, Claim, Finding, check_claim
from hmmlib.analysis.coverage import coverage_table
from hmmlib.analysis.curves import CURVES, EXACT, EXACT_RECIPE, PAPER, RECIPE, SOLVED, earlier, rows, worlds
from hmmlib.analysis.intervals import no_error_floor, share_that_may_differ
from hmmlib.analysis.power import seeds_for_claim
from hmmlib.analysis.results import n_test_texts, read_results
from hmmlib.analysis.series import World, help_from_exact
from hmmlib.tables import Table, number

SLUGS = {
    "paper": PAPER,
    "recipe": RECIPE,
    "fitted": SOLVED,
    "exact-recipe": EXACT_RECIPE,
    "exact": EXACT,
}
"""What worlds are called in names of statements.

:meta hide-value:
"""

FILES = {
    "paper": "figure3_paper",
    "first": "head_vs_prompt_laptop",
    "second": "memory_vs_vanilla_laptop",
    "exact": "exact_prompts",
}
"""The files of ``book/results`` that statements are made from.

:meta hide-value:
"""

OPTIONAL = {"exact_second": "exact_attention"}
"""Files that are used if they are there.

:meta hide-value:
"""

_EXPERIMENTS = {"1": ("head", "prompt"), "2": ("attention", "linear")}
_WORDS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
    "twenty",
)

Say = Callable[[], str]


class Results:
    """Result files, read when they are asked for first.

    Args:
        read: Reads a file of ``book/results`` by name.
    """

    def __init__(self, read: Callable[[str], Mapping[str, Any]] = read_results) -> None:
        self._read = read

    @cached_property
    def files(self) -> dict[str, Mapping[str, Any]]:
        """The content of each of `FILES`, and of those of `OPTIONAL` that are there."""
        found = {key: self._read(name) for key, name in FILES.items()}
        for key, name in OPTIONAL.items():
            with contextlib.suppress(FileNotFoundError):
                found[key] = self._read(name)
        return found

    @cached_property
    def worlds(self) -> dict[str, World]:
        """Every world by its slug, those with borrowed seeds among them."""
        found = worlds(**self.files)
        by_slug: dict[str, World] = {slug: found[name] for slug, name in SLUGS.items()}
        for slug in ("recipe", "fitted"):
            by_slug[f"{slug}-helped"] = help_from_exact(by_slug[slug])
        return by_slug

    @property
    def named_worlds(self) -> dict[str, World]:
        """Every world of one recipe by the name that tables have."""
        return {name: self.worlds[slug] for slug, name in SLUGS.items()}

    def finding(self, claim: Claim, slug: str) -> Finding:
        """What a world says of a claim.

        Args:
            claim: The claim.
            slug: Of the world.

        Returns:
            Effects and verdict.
        """
        return check_claim(claim, self.worlds[slug])

    @cached_property
    def coverage(self) -> Table:
        """How often the book's intervals hold the mean."""
        return coverage_table(self.files["exact"])

    @cached_property
    def statements(self) -> dict[str, Say]:
        """Every statement by its name; its text is made when it is called."""
        return dict(
            entry for family in (_accuracies, _claims, _seeds, _counts, _intervals) for entry in family(self)
        )


def statement_names(results: Results | None = None) -> list[str]:
    """Names of all statements.

    Args:
        results: Where from; the book's own files by default.

    Returns:
        The names, sorted.
    """
    return sorted((results or _of_the_book()).statements)


def say(name: str, results: Results | None = None) -> str:
    """A statement.

    Example:
        >>> from hmmlib.analysis import say
        >>> say("paper-head-15"), say("claim-3-paper")
        ('74.6 ± 4.8', 'cannot be told')

    Args:
        name: Its name.
        results: Where from; the book's own files by default.

    Returns:
        A short text: a number, an accuracy with its interval, a verdict, a count.

    Raises:
        ValueError: There is no such statement.
    """
    known = (results or _of_the_book()).statements
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"; near it are {', '.join(near)}" if near else ""
        raise ValueError(f"name: expected the name of a statement, got {name!r}{hint}")
    return known[name]()


@cache
def _of_the_book() -> Results:
    return Results()


def in_words(count: int) -> str:
    """A small number as prose has it.

    Args:
        count: The number.

    Returns:
        A word up to twenty, else digits.
    """
    return _WORDS[count] if 0 <= count < len(_WORDS) else str(count)


def _accuracies(results: Results) -> Iterator[tuple[str, Say]]:
    for slug, world in results.worlds.items():
        for curve in CURVES:
            for place, point in enumerate(results.worlds["paper"][curve].points):
                name = f"{slug}-{curve}-{point}"
                yield name, partial(_accuracy, world, curve, place)
                yield f"{name}-percent", partial(_percent, world, curve, place)


def _accuracy(world: World, curve: str, place: int) -> str:
    return world[curve].text(place) if curve in world else NOT_MEASURED


def _percent(world: World, curve: str, place: int) -> str:
    return f"{world[curve].found.mean[place]:.0f}%" if curve in world else NOT_MEASURED


def _claims(results: Results) -> Iterator[tuple[str, Say]]:
    for claim in (*CLAIMS, *READINGS):
        name = f"claim-{claim.number}"
        yield name, partial(str, claim.sentence)
        yield f"{name}-whose", partial(str, claim.whose)
        yield f"{name}-verdict", partial(_reproduced, results, claim)
        for slug in results.worlds:
            yield f"{name}-{slug}", partial(_verdict, results, claim, slug)
            yield f"{name}-{slug}-effect", partial(_effect, results, claim, slug)
            yield f"{name}-{slug}-needs", partial(_needs, results, claim, slug)


def _reproduced(results: Results, claim: Claim) -> str:
    return reproduction(*(results.finding(claim, slug).verdict for slug in ("paper", "recipe", "fitted")))


def _verdict(results: Results, claim: Claim, slug: str) -> str:
    return results.finding(claim, slug).verdict


def _effect(results: Results, claim: Claim, slug: str) -> str:
    finding = results.finding(claim, slug)
    return NOT_MEASURED if finding.verdict == NOT_MEASURED else number(*finding.least, signed=True)


def _needs(results: Results, claim: Claim, slug: str) -> str:
    finding = results.finding(claim, slug)
    if finding.verdict == NOT_MEASURED:
        return NOT_MEASURED
    return str(seeds_for_claim(finding)) if finding.verdict == UNKNOWN else "no more"


def _seeds(results: Results) -> Iterator[tuple[str, Say]]:
    for slug, world in results.worlds.items():
        for experiment, curves in _EXPERIMENTS.items():
            counts = [world[curve].seeds for curve in curves if curve in world]
            name = f"seeds-{slug}-{experiment}"
            yield name, partial(str, counts[0] if counts else NOT_MEASURED)
            yield f"{name}-words", partial(str, in_words(counts[0]) if counts else NOT_MEASURED)


def _counts(results: Results) -> Iterator[tuple[str, Say]]:
    yield "open-claims", partial(_open, results)
    yield "open-claims-words", lambda: in_words(len(_open(results).split(", ")) if _open(results) else 0)
    yield "held-claims-exact", partial(_held, results, "exact")
    for slug, world in results.worlds.items():
        if slug != "paper":
            yield f"within-movement-{slug}", partial(_within_movement, results, world)
            for verdict in VERDICTS:
                yield f"{verdict.replace(' ', '-')}-{slug}", partial(_how_many, results, world, verdict)
    for curve in CURVES:
        yield f"moved-{curve}", partial(_moved, results, curve)


def _open(results: Results) -> str:
    """The claims that the paper's own numbers leave open."""
    return ", ".join(c.number for c in CLAIMS if results.finding(c, "paper").verdict == UNKNOWN)


def _held(results: Results, slug: str) -> str:
    return ", ".join(c.number for c in CLAIMS if results.finding(c, slug).verdict == HOLDS)


def _how_many(results: Results, world: World, verdict: str) -> str:
    compared = [
        row.comparison
        for curve, theirs in results.worlds["paper"].items()
        if curve in world
        for row in rows(theirs, world[curve])
    ]
    return f"{tally(compared)[verdict]} of {len(compared)}"


def _movement(results: Results, curve: str) -> dict[int, float]:
    theirs, before = results.worlds["paper"][curve], earlier(results.files["paper"], curve)
    return {
        point: abs(float(mean) - before[point])
        for point, mean in zip(theirs.points, theirs.found.mean, strict=True)
        if point in before
    }


def _moved(results: Results, curve: str) -> str:
    return number(max(_movement(results, curve).values()))


def _within_movement(results: Results, world: World) -> str:
    counts = []
    for curve, theirs in results.worlds["paper"].items():
        if curve in world:
            away = np.abs(world[curve].found.mean - theirs.found.mean)
            moved = _movement(results, curve)
            pairs = zip(theirs.points, away, strict=True)
            counts += [bool(gap <= moved[point]) for point, gap in pairs if point in moved]
    return f"{sum(counts)} of {len(counts)}"


def _intervals(results: Results) -> Iterator[tuple[str, Say]]:
    yield "interval-floor", lambda: number(no_error_floor(n_test_texts(results.files["first"])))
    yield "test-texts", lambda: f"{n_test_texts(results.files['first']):,}"
    for place, n in enumerate((3, 5, 20)):
        yield f"may-differ-{n}", partial("{:.0%}".format, share_that_may_differ(n))
        yield f"coverage-{n}", partial(_coverage, results, place, np.mean)
        yield f"coverage-{n}-lowest", partial(_coverage, results, place, min)


def _coverage(results: Results, place: int, of: Callable[[list[float]], float]) -> str:
    """Share of intervals that hold the mean or miss it by a hair, over methods and sizes."""
    shares = [float(row[3 + place].partition("(")[2].strip("%)")) for row in results.coverage.rows]
    return f"{of(shares):.0f}%"
