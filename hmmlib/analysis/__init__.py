"""What the book makes of results: intervals, ladders of losses, the reproduction report, result files."""

from hmmlib.analysis.agreement import Comparison, compare, judge, reproduction, tally
from hmmlib.analysis.claims import CLAIMS, Claim, Finding, check_claim
from hmmlib.analysis.curves import Row, Series, World, earlier, measured, published, rows, worlds
from hmmlib.analysis.deviations import DEVIATIONS, Deviation, deviation_tables
from hmmlib.analysis.intervals import Mean, mean_over_seeds
from hmmlib.analysis.ladder import (
    ATTENTION,
    HEAD,
    PROMPT,
    Ladder,
    Step,
    TwoCauses,
    mean_losses,
    percent_right,
    steps,
    two_causes,
)
from hmmlib.analysis.released import log_ratio, released_scores
from hmmlib.analysis.results import book_file, find_cell, group, read_results
from hmmlib.analysis.tables import (
    claim_matrix,
    claim_numbers,
    claims_in_short,
    comparison_table,
    moved_table,
    tally_table,
)

__all__ = [
    "ATTENTION",
    "CLAIMS",
    "DEVIATIONS",
    "HEAD",
    "PROMPT",
    "Claim",
    "Comparison",
    "Deviation",
    "Finding",
    "Ladder",
    "Mean",
    "Row",
    "Series",
    "Step",
    "TwoCauses",
    "World",
    "book_file",
    "check_claim",
    "claim_matrix",
    "claim_numbers",
    "claims_in_short",
    "compare",
    "comparison_table",
    "deviation_tables",
    "earlier",
    "find_cell",
    "group",
    "judge",
    "log_ratio",
    "mean_losses",
    "mean_over_seeds",
    "measured",
    "moved_table",
    "percent_right",
    "published",
    "read_results",
    "released_scores",
    "reproduction",
    "rows",
    "steps",
    "tally",
    "tally_table",
    "two_causes",
    "worlds",
]
