"""Tables and numbers as Markdown, for pages that are made from result files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hmmlib.analysis.agreement import VERDICTS, reproduction, tally
from hmmlib.analysis.claims import CLAIMS, Finding, check_claim
from hmmlib.analysis.curves import PAPER, RECIPE, SOLVED, Series, World, rows


def number(value: float, half_width: float | None = None, *, signed: bool = False, digits: int = 1) -> str:
    """A number as the tables print it.

    Args:
        value: The number.
        half_width: Half of its interval, if it has one.
        signed: Whether a positive number has its sign.
        digits: Decimals.

    Returns:
        For example ``+3.1 ± 0.4``, with a true minus sign and without negative zeros.
    """
    rounded = round(value, digits) + 0.0
    text = f"{abs(rounded):.{digits}f}"
    if rounded < 0:
        text = f"−{text}"
    elif signed and rounded > 0:
        text = f"+{text}"
    return text if half_width is None else f"{text} ± {half_width:.{digits}f}"


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()
) -> str:
    """A table in Markdown.

    Args:
        header: Names of the columns.
        rows: Their entries, as many in each row. Line breaks and bars are not allowed in them.
        numbers: Columns that are aligned on the right.

    Returns:
        The table, a line for each row.

    Raises:
        ValueError: A row of another length, or an entry with a bar or a line break.
    """
    lines = [list(header), ["---:" if i in numbers else "---" for i in range(len(header))]]
    lines += [list(row) for row in rows]
    for row in lines:
        if len(row) != len(header):
            raise ValueError(f"rows: expected {len(header)} entries in each, got {row}")
        broken = next((entry for entry in row if "|" in entry or "\n" in entry), None)
        if broken is not None:
            raise ValueError(f"rows: expected entries without bars and line breaks, got {broken!r}")
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def comparison_table(theirs: Series, ours: Series) -> str:
    """A curve of the paper beside ours, number by number.

    Args:
        theirs: The paper's.
        ours: This book's, at the same points.

    Returns:
        The table, in Markdown.

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
    return markdown_table(header, lines, numbers=(0, 1, 2, 3))


def tally_table(worlds: Mapping[str, World], names: Mapping[str, str]) -> str:
    """How many numbers of each curve have which verdict.

    Args:
        worlds: The paper's curves and ours, as `hmmlib.analysis.worlds` gives them.
        names: Name of each curve on the page.

    Returns:
        The table, in Markdown, a row for each curve and world but the paper's.
    """
    lines = []
    for curve, name in names.items():
        for world, curves in worlds.items():
            if world != PAPER:
                found = tally([row.comparison for row in rows(worlds[PAPER][curve], curves[curve])])
                counts = [str(found[verdict]) for verdict in VERDICTS]
                lines.append([f"{name}, {world}", *counts])
    return markdown_table(["curve", *VERDICTS], lines, numbers=range(1, 5))


def claims_in_short(worlds: Mapping[str, World]) -> str:
    """Whether each claim was reproduced.

    Args:
        worlds: The paper's curves and ours.

    Returns:
        The table, in Markdown, with `hmmlib.analysis.reproduction` for each claim.
    """
    lines = [
        [
            f"{claim.number}. {claim.sentence}",
            reproduction(*(check_claim(claim, worlds[name]).verdict for name in (PAPER, RECIPE, SOLVED))),
        ]
        for claim in CLAIMS
    ]
    return markdown_table(["claim of the paper", "verdict"], lines)


def claim_matrix(worlds: Mapping[str, World]) -> str:
    """Which claims hold where.

    Args:
        worlds: The paper's curves and ours.

    Returns:
        The table, in Markdown, a row for each claim and a column for each world.
    """
    lines = [
        [claim.number, *(check_claim(claim, curves).verdict for curves in worlds.values())]
        for claim in CLAIMS
    ]
    return markdown_table(["claim", *worlds], lines)


def claim_numbers(worlds: Mapping[str, World]) -> str:
    """The effects behind the verdicts on the claims.

    Args:
        worlds: The paper's curves and ours.

    Returns:
        The table, in Markdown. Of several effects it shows the one that reaches
        lowest, and how many are surely positive.
    """
    lines = [
        [claim.number, world, number(*finding.least, signed=True), _positive(finding), finding.verdict]
        for claim in CLAIMS
        for world, finding in ((name, check_claim(claim, curves)) for name, curves in worlds.items())
    ]
    return markdown_table(["claim", "by", "effect", "above 0", "verdict"], lines, numbers=(2,))


def moved_table(found: Series, before: Mapping[int, float]) -> str:
    """How far the paper's own numbers moved from one version of its figure to the next.

    Args:
        found: A curve as published.
        before: The earlier means, for some numbers of states.

    Returns:
        The table, in Markdown, a row for each number of states that both have; 'outside' is whether the
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
    return markdown_table(header, lines, numbers=(0, 1, 2, 3))


def _positive(finding: Finding) -> str:
    return f"{int((finding.effects.side() > 0).sum())} of {len(finding.effects.mean)}"
