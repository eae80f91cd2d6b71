"""The tables of the reproduction report, from the numbers that they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hmmlib.analysis.agreement import UNKNOWN, VERDICTS, reproduction, tally
from hmmlib.analysis.claims import CLAIMS, NOT_MEASURED, PAPERS, Claim, Finding, verdicts
from hmmlib.analysis.curves import PAPER, RECIPE, SOLVED, rows
from hmmlib.analysis.intervals import Mean
from hmmlib.analysis.power import seeds_for_agreement, seeds_for_claim
from hmmlib.analysis.series import Series, World
from hmmlib.tables import NOTHING, Table, number


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
            theirs.text(place),
            ours.text(place),
            number(*row.comparison[:2], signed=True),
            row.comparison.verdict,
        ]
        for place, row in enumerate(rows(theirs, ours))
    ]
    header = ["states", "paper", "ours", "ours − paper", "verdict"]
    return Table(header, lines)


def tally_table(worlds: Mapping[str, World], names: Mapping[str, str]) -> Table:
    """How many numbers of each curve have which verdict.

    Args:
        worlds: The paper's curves and ours, as `hmmlib.analysis.worlds` gives them.
        names: Name of each curve on the page.

    Returns:
        The table, a row for each curve and world that has it, but the paper's. A curve that is the same in
        two worlds is counted once, in the first.
    """
    lines = []
    for curve, name in names.items():
        seen: list[Series] = []
        for world, curves in worlds.items():
            if world != PAPER and curve in curves and not _again(curves[curve], seen):
                seen.append(curves[curve])
                found = tally([row.comparison for row in rows(worlds[PAPER][curve], curves[curve])])
                counts = [str(found[verdict]) for verdict in VERDICTS]
                lines.append([f"{name}, {world}", *counts])
    return Table(["curve", *VERDICTS], lines)


def claims_in_short(worlds: Mapping[str, World], claims: Sequence[Claim] = CLAIMS) -> Table:
    """Whether each claim was reproduced.

    Args:
        worlds: The paper's curves and ours.
        claims: The claims.

    Returns:
        The table, with whose each claim is, and `hmmlib.analysis.reproduction` for it.
    """
    asked = {name: worlds[name] for name in (PAPER, RECIPE, SOLVED)}
    found = verdicts(asked, claims)
    lines = [
        [
            f"{claim.number}. {claim.sentence}",
            claim.whose,
            reproduction(*(finding.verdict for finding in found[claim.number].values())),
        ]
        for claim in claims
    ]
    return Table(["claim", "whose", "verdict"], lines)


def claim_list(claims: Sequence[Claim] = CLAIMS) -> Table:
    """The claims, whose they are, and what is computed for each.

    Args:
        claims: The claims.

    Returns:
        The table.
    """
    lines = [[claim.number, claim.sentence, claim.whose, claim.effect] for claim in claims]
    return Table(["claim", "says", "whose", "what is computed; the claim says that it is positive"], lines)


def claim_matrix(worlds: Mapping[str, World], claims: Sequence[Claim] = CLAIMS) -> Table:
    """Which claims hold where.

    Args:
        worlds: Some worlds, the paper's curves and ours.
        claims: The claims.

    Returns:
        The table, a row for each claim, which says if it is the paper's, and a column for each world; a dash
        where nothing was measured.
    """
    found = verdicts(worlds, claims)
    lines = [
        [
            f"{claim.number}. {claim.sentence}" + (f" ({PAPERS})" if claim.whose == PAPERS else ""),
            *(
                NOTHING if finding.verdict == NOT_MEASURED else finding.verdict
                for finding in found[claim.number].values()
            ),
        ]
        for claim in claims
    ]
    return Table(["claim", *worlds], lines)


def claim_numbers(worlds: Mapping[str, World], claims: Sequence[Claim] = CLAIMS) -> Table:
    """The effects behind the verdicts on the claims.

    Args:
        worlds: The paper's curves and ours.
        claims: The claims.

    Returns:
        The table, without what was not measured. Of several effects it shows the one that reaches
        lowest, and how many are surely positive.
    """
    lines = [
        [
            number_,
            world,
            str(finding.seeds),
            number(*finding.least, signed=True),
            _positive(finding),
            finding.verdict,
        ]
        for number_, findings in verdicts(worlds, claims).items()
        for world, finding in findings.items()
        if finding.verdict != NOT_MEASURED
    ]
    return Table(["claim", "by", "seeds", "effect", "above 0", "verdict"], lines)


def open_claims(worlds: Mapping[str, World], claims: Sequence[Claim] = CLAIMS) -> Table:
    """How many seeds it would take to settle each claim that cannot be told.

    Args:
        worlds: The paper's curves and ours.
        claims: The claims.

    Returns:
        The table, with `hmmlib.analysis.seeds_for_claim` for each; without rows if none is open.
    """
    lines = [
        [claim, world, number(*finding.least, signed=True), str(finding.seeds), str(seeds_for_claim(finding))]
        for claim, findings in verdicts(worlds, claims).items()
        for world, finding in findings.items()
        if finding.verdict == UNKNOWN
    ]
    return Table(["claim", "by", "effect", "seeds", "seeds that would tell"], lines)


def open_numbers(worlds: Mapping[str, World], names: Mapping[str, str]) -> Table:
    """How many seeds it would take to tell whether a number of ours agrees with the paper's.

    Args:
        worlds: The paper's curves and ours.
        names: Name of each curve on the page.

    Returns:
        The table, a row for each comparison that cannot be told.
    """
    lines = []
    for curve, name in names.items():
        theirs = worlds[PAPER][curve]
        for world, curves in worlds.items():
            if world == PAPER or curve not in curves:
                continue
            ours = curves[curve]
            for place, row in enumerate(rows(theirs, ours)):
                if row.comparison.verdict == UNKNOWN:
                    pair = [Mean(*(part[place] for part in series.found)) for series in (theirs, ours)]
                    needed = seeds_for_agreement(pair[0], pair[1], ours.seeds)
                    none = f"none of ours: the paper's own is ± {row.theirs[1]:.1f}"
                    lines.append(
                        [
                            f"{name}, {world}",
                            str(row.point),
                            number(*row.comparison[:2], signed=True),
                            str(ours.seeds),
                            none if needed.seeds is None else str(needed),
                        ]
                    )
    return Table(["curve", "states", "ours − paper", "seeds", "seeds that would tell"], lines)


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


def movement_table(
    worlds: Mapping[str, World], before: Mapping[str, Mapping[int, float]], names: Mapping[str, str]
) -> Table:
    """How many of our numbers are as near to the paper's as the paper's own are to its earlier version.

    Args:
        worlds: The paper's curves and ours.
        before: For each curve its earlier means, as `hmmlib.analysis.earlier` has them.
        names: Name of each curve on the page.

    Returns:
        The table, a row for each curve and world: the most that the paper's means moved, the most that ours
        are away, how many of ours are no farther than the paper's moved at that size, and how many than they
        moved at most.
    """
    lines = []
    for curve, name in names.items():
        theirs, then = worlds[PAPER][curve], before[curve]
        both = [point in then for point in theirs.points]
        moved = np.array(
            [abs(m - then[n]) for n, m in zip(theirs.points, theirs.found.mean, strict=True) if n in then]
        )
        for world, curves in worlds.items():
            if world == PAPER or curve not in curves:
                continue
            away = np.abs(curves[curve].found.mean - theirs.found.mean)[both]
            counts = (int((away <= moved).sum()), int((away <= moved.max()).sum()))
            lines.append(
                [
                    f"{name}, {world}",
                    number(float(moved.max())),
                    number(float(away.max())),
                    *(f"{count} of {len(away)}" for count in counts),
                ]
            )
    header = [
        "curve",
        "theirs moved, at most",
        "ours away, at most",
        "within, size by size",
        "within the most",
    ]
    return Table(header, lines)


def _again(curve: Series, seen: Sequence[Series]) -> bool:
    """Whether a curve has the accuracies of one that was seen."""
    return any(
        one.points == curve.points
        and one.values is not None
        and curve.values is not None
        and np.array_equal(one.values, curve.values)
        for one in seen
    )


def _positive(finding: Finding) -> str:
    return f"{int((finding.effects.side() > 0).sum())} of {len(finding.effects.mean)}"
