"""What the book makes of results: intervals, ladders of losses, the reproduction report, result files."""

from hmmlib.analysis.agreement import Comparison, compare, judge, reproduction, tally
from hmmlib.analysis.claims import CLAIMS, READINGS, Claim, Finding, check_claim, verdicts
from hmmlib.analysis.coverage import Coverage, bootstrap, coverage, coverage_table, interval_table, student
from hmmlib.analysis.curves import Row, earlier, measured, published, rows, worlds
from hmmlib.analysis.deviations import DEVIATIONS, Deviation, deviation_tables
from hmmlib.analysis.effects import clear_gain, method_gain
from hmmlib.analysis.estimators import difference_estimate
from hmmlib.analysis.figure3 import figure3_numbers, shown_worlds
from hmmlib.analysis.findings import findings
from hmmlib.analysis.intervals import Mean, mean_over_seeds, no_error_floor, share_that_may_differ
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
from hmmlib.analysis.multiplicity import family_table, holm, p_values
from hmmlib.analysis.power import SeedsNeeded, seeds_for_agreement, seeds_for_claim, seeds_to_tell
from hmmlib.analysis.rates import AtRate, at_chosen_rate
from hmmlib.analysis.released import log_ratio, released_scores
from hmmlib.analysis.results import book_file, find_cell, group, n_test_texts, read_results
from hmmlib.analysis.runs import cpu_seconds, run_table
from hmmlib.analysis.series import Series, World, common_seeds, help_from_exact, weighted_sums
from hmmlib.analysis.statements import Results, say, statement_names
from hmmlib.analysis.tables import (
    claim_list,
    claim_matrix,
    claim_numbers,
    claims_in_short,
    comparison_table,
    moved_table,
    movement_table,
    open_claims,
    open_numbers,
    tally_table,
)

__all__ = [
    "ATTENTION",
    "CLAIMS",
    "DEVIATIONS",
    "HEAD",
    "PROMPT",
    "READINGS",
    "AtRate",
    "Claim",
    "Comparison",
    "Coverage",
    "Deviation",
    "Finding",
    "Ladder",
    "Mean",
    "Results",
    "Row",
    "SeedsNeeded",
    "Series",
    "Step",
    "TwoCauses",
    "World",
    "at_chosen_rate",
    "book_file",
    "bootstrap",
    "check_claim",
    "claim_list",
    "claim_matrix",
    "claim_numbers",
    "claims_in_short",
    "clear_gain",
    "common_seeds",
    "compare",
    "comparison_table",
    "coverage",
    "coverage_table",
    "cpu_seconds",
    "deviation_tables",
    "difference_estimate",
    "earlier",
    "family_table",
    "figure3_numbers",
    "find_cell",
    "findings",
    "group",
    "help_from_exact",
    "holm",
    "interval_table",
    "judge",
    "log_ratio",
    "mean_losses",
    "mean_over_seeds",
    "measured",
    "method_gain",
    "moved_table",
    "movement_table",
    "n_test_texts",
    "no_error_floor",
    "open_claims",
    "open_numbers",
    "p_values",
    "percent_right",
    "published",
    "read_results",
    "released_scores",
    "reproduction",
    "rows",
    "run_table",
    "say",
    "seeds_for_agreement",
    "seeds_for_claim",
    "seeds_to_tell",
    "share_that_may_differ",
    "shown_worlds",
    "statement_names",
    "steps",
    "student",
    "tally",
    "tally_table",
    "two_causes",
    "verdicts",
    "weighted_sums",
    "worlds",
]
