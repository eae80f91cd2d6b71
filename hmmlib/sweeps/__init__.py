"""An engine for experiments that are made of many cells; it knows nothing of HMMs.

An `Experiment` turns a configuration into cells, each a function of its own configuration; `sweep` computes
those that a `CellStore` lacks, on this machine or on several, and can be stopped at any moment.
"""

from hmmlib.sweeps.cells import Cell, Record, cell_hash, check_entries
from hmmlib.sweeps.changes import ChangedConfig
from hmmlib.sweeps.costs import GroupOutlook, count_in_words, counted, outlook, span
from hmmlib.sweeps.differences import Apart, Differences, differences
from hmmlib.sweeps.experiment import Configuration, Experiment, Workplace, option, options
from hmmlib.sweeps.imports import ImportResult, import_cells
from hmmlib.sweeps.progress import progress_options
from hmmlib.sweeps.results import Results, collect
from hmmlib.sweeps.runner import SweepResult, sweep
from hmmlib.sweeps.store import CellStore, MergeResult
from hmmlib.sweeps.workers import InProcess, Job, LocalWorkers, Outcome, Pool

__all__ = [
    "Apart",
    "Cell",
    "CellStore",
    "ChangedConfig",
    "Configuration",
    "Differences",
    "Experiment",
    "GroupOutlook",
    "ImportResult",
    "InProcess",
    "Job",
    "LocalWorkers",
    "MergeResult",
    "Outcome",
    "Pool",
    "Record",
    "Results",
    "SweepResult",
    "Workplace",
    "cell_hash",
    "check_entries",
    "collect",
    "count_in_words",
    "counted",
    "differences",
    "import_cells",
    "option",
    "options",
    "outlook",
    "progress_options",
    "span",
    "sweep",
]
