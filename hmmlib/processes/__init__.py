"""Business processes as hidden Markov models: does a network learn the process, or the traces it was shown?

`act`, `seq`, `xor`, `parallel`, `loop` and `skip` make a `ProcessTree`. `to_hmm` turns it into an HMM whose
hidden state is the marking, what is left of the process, and `variants` lists all its texts with their exact
probabilities; `EXAMPLES` are some trees. `leave_out` parts variants into folds,
`training_law` is what is left to learn from, and `draw_log` a log of it. `process_scores` says how much of
the process a learner has found, without simulating it; `sampling_ceiling` is what two logs of one process
have in common, and `truth_excess` what the truth itself pays on a validation set. `NgramProcess` and
`MarkingCounts` learn by counting, a `TraceLSTM` by `train_traces`.
"""

from hmmlib.processes.examples import EXAMPLES
from hmmlib.processes.folds import draw_log, leave_out, training_law
from hmmlib.processes.learners import MarkingCounts, NgramProcess
from hmmlib.processes.lstm import TraceLSTM
from hmmlib.processes.scores import ProcessScores, process_scores, sampling_ceiling, truth_excess
from hmmlib.processes.states import END, ProcessState, process_states, to_hmm
from hmmlib.processes.training import TraceFit, TraceRecipe, train_traces
from hmmlib.processes.trees import ProcessTree, act, loop, parallel, seq, skip, xor
from hmmlib.processes.variants import Variants, variants

__all__ = [
    "END",
    "EXAMPLES",
    "MarkingCounts",
    "NgramProcess",
    "ProcessScores",
    "ProcessState",
    "ProcessTree",
    "TraceFit",
    "TraceLSTM",
    "TraceRecipe",
    "Variants",
    "act",
    "draw_log",
    "leave_out",
    "loop",
    "parallel",
    "process_scores",
    "process_states",
    "sampling_ceiling",
    "seq",
    "skip",
    "to_hmm",
    "train_traces",
    "training_law",
    "truth_excess",
    "variants",
    "xor",
]
