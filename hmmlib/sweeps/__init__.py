"""An engine for experiments that are made of many cells; it knows nothing of HMMs.

An `Experiment` turns a configuration into cells, each a function of its own configuration; `sweep` computes
those that a `CellStore` lacks, on this machine or on several, and can be stopped at any moment.
"""

from hmmlib.sweeps.experiment import Configuration, Experiment, Workplace
from hmmlib.sweeps.runner import SweepResult, progress_options, sweep
from hmmlib.sweeps.store import Cell, CellStore, Record, cell_hash
from hmmlib.sweeps.workers import InProcess, Job, LocalWorkers, Outcome, Pool

__all__ = [
    "Cell",
    "CellStore",
    "Configuration",
    "Experiment",
    "InProcess",
    "Job",
    "LocalWorkers",
    "Outcome",
    "Pool",
    "Record",
    "SweepResult",
    "Workplace",
    "cell_hash",
    "progress_options",
    "sweep",
]
