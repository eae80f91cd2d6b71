"""The tables of the reproduction report, from the numbers that they show."""

from __future__ import annotations

from collections.abc import Mapping

from hmmlib.analysis.agreement import VERDICTS, reproduction, tally
from hmmlib.analysis.claims import CLAIMS, Finding, check_claim
from hmmlib.analysis.curves import PAPER, RECIPE, SOLVED, Series, World, rows
from hmmlib.tables import Table, number


def comparison_table(theirs: Series, ours: Series) -> Table:
    """A curve of the paper beside ours, number by number.

    Args:
        theirs: The paper's.
        ours: This book's, at the same points.

    Returns:
        The table.

    Raises:
        ValueError: The points differ.
    """
    lines = [
        [
            str(row.point),
            number(*row.theirs),
            number(*row.ours),
            number(*row.comparison[:2], signed=True),
            row.comparison.verdict,
        ]
        for row in rows(theirs, ours)
    ]
    header = ["states", "paper", "ours", "ours − paper", "verdict"]
    return Table(header, lines)


def tally_table(worlds: Mapping[str, World], names: Mapping[str, str]) -> Table:
    """How many numbers of each curve have which verdict.

    Args:
        worlds: The paper's curves and ours, as `hmmlib.analysis.worlds` gives them.
        names: Name of each curve on the page.

    Returns:
        The table, a row for each curve and world but the paper's.
    """
    lines = []
    for curve, name in names.items():
        for world, curves in worlds.items():
            if world != PAPER:
                found = tally([row.comparison for row in rows(worlds[PAPER][curve], curves[curve])])
                counts = [str(found[verdict]) for verdict in VERDICTS]
                lines.append([f"{name}, {world}", *counts])
    return Table(["curve", *VERDICTS], lines)


def claims_in_short(worlds: Mapping[str, World]) -> Table:
    """Whether each claim was reproduced.

    Args:
        worlds: The paper's curves and ours.

    Returns:
        The table, with `hmmlib.analysis.reproduction` for each claim.
    """
    lines = [
        [
            f"{claim.number}. {claim.sentence}",
            reproduction(*(check_claim(claim, worlds[name]).verdict for name in (PAPER, RECIPE, SOLVED))),
        ]
        for claim in CLAIMS
    ]
    return Table(["claim of the paper", "verdict"], lines)


def claim_matrix(worlds: Mapping[str, World]) -> Table:
    """Which claims hold where.

    Args:
        worlds: The paper's curves and ours.

    Returns:
        The table, a row for each claim and a column for each world.
    """
    lines = [
        [claim.number, *(check_claim(claim, curves).verdict for curves in worlds.values())]
        for claim in CLAIMS
    ]
    return Table(["claim", *worlds], lines)


def claim_numbers(worlds: Mapping[str, World]) -> Table:
    """The effects behind the verdicts on the claims.

    Args:
        worlds: The paper's curves and ours.

    Returns:
        The table. Of several effects it shows the one that reaches
        lowest, and how many are surely positive.
    """
    lines = [
        [claim.number, world, number(*finding.least, signed=True), _positive(finding), finding.verdict]
        for claim in CLAIMS
        for world, finding in ((name, check_claim(claim, curves)) for name, curves in worlds.items())
    ]
    return Table(["claim", "by", "effect", "above 0", "verdict"], lines)


def moved_table(found: Series, before: Mapping[int, float]) -> Table:
    """How far the paper's own numbers moved from one version of its figure to the next.

    Args:
        found: A curve as published.
        before: The earlier means, for some numbers of states.

    Returns:
        The table, a row for each number of states that both have; 'outside' is whether the
        earlier mean is outside the published interval.
    """
    lines = []
    for point, mean, half in zip(found.points, *found.found, strict=True):
        if point in before:
            moved = float(mean) - before[point]
            outside = "no" if abs(moved) <= half else "yes"
            lines.append(
                [
                    str(point),
                    number(before[point]),
                    number(float(mean), float(half)),
                    number(moved, signed=True),
                    outside,
                ]
            )
    header = ["states", "earlier", "published", "moved", "outside"]
    return Table(header, lines)


def _positive(finding: Finding) -> str:
    return f"{int((finding.effects.side() > 0).sum())} of {len(finding.effects.mean)}"
