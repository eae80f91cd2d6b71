"""Business processes as hidden Markov models.

`act`, `seq`, `xor`, `parallel`, `loop` and `skip` make a `ProcessTree`. `to_hmm` turns it into an HMM whose
hidden state is the marking, what is left of the process, and `variants` lists all its texts with their exact
probabilities; `EXAMPLES` are some trees.
"""

from hmmlib.processes.examples import EXAMPLES
from hmmlib.processes.states import END, ProcessState, process_states, to_hmm
from hmmlib.processes.trees import ProcessTree, act, loop, parallel, seq, skip, xor
from hmmlib.processes.variants import Variants, variants

__all__ = [
    "END",
    "EXAMPLES",
    "ProcessState",
    "ProcessTree",
    "Variants",
    "act",
    "loop",
    "parallel",
    "process_states",
    "seq",
    "skip",
    "to_hmm",
    "variants",
    "xor",
]
