"""What the book makes of results: intervals, ladders of losses, the reproduction report, result files.

And of tagged English: its counts as an HMM (`TaggedText`), and what such an HMM denies (`dependence`).
"""

from hmmlib._book import book_file
from hmmlib.analysis.agreement import Comparison, compare, judge, reproduction, tally
from hmmlib.analysis.claims import CLAIMS, READINGS, Claim, Finding, check_claim, verdicts
from hmmlib.analysis.coverage import Coverage, bootstrap, coverage, coverage_table, interval_table, student
from hmmlib.analysis.curves import Row, earlier, measured, published, rows, worlds
from hmmlib.analysis.dependence import Dependence, conditional_information, dependence
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
from hmmlib.analysis.results import find_cell, group, n_test_texts, read_results
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
from hmmlib.analysis.tagged import (
    COARSE_TAGS,
    OTHER_TAG,
    OTHER_WORD,
    TaggedText,
    between,
    bigram_law,
    parse_tagged,
    read_tagged,
    tagged_text,
)

__all__ = [
    "ATTENTION",
    "CLAIMS",
    "COARSE_TAGS",
    "DEVIATIONS",
    "HEAD",
    "OTHER_TAG",
    "OTHER_WORD",
    "PROMPT",
    "READINGS",
    "AtRate",
    "Claim",
    "Comparison",
    "Coverage",
    "Dependence",
    "Deviation",
    "Finding",
    "Ladder",
    "Mean",
    "Results",
    "Row",
    "SeedsNeeded",
    "Series",
    "Step",
    "TaggedText",
    "TwoCauses",
    "World",
    "at_chosen_rate",
    "between",
    "bigram_law",
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
    "conditional_information",
    "coverage",
    "coverage_table",
    "cpu_seconds",
    "dependence",
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
    "parse_tagged",
    "percent_right",
    "published",
    "read_results",
    "read_tagged",
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
    "tagged_text",
    "tally",
    "tally_table",
    "two_causes",
    "verdicts",
    "weighted_sums",
    "worlds",
]
