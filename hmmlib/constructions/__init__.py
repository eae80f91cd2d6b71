"""The heads and prompts that the paper's theorems promise, built from a model's parameters.

Each function checks the assumptions of its theorem. Where one does not hold it raises an `AssumptionError`
that says which columns are dependent, or which state is never reached. `rational_head` and `two_bundles` work
in fractions, for models of `hmmlib.hmm.RationalHMM`.
"""

from hmmlib.constructions.assumptions import (
    AssumptionError,
    DependentColumnsError,
    SearchGaveUpError,
    UnreachableStateError,
)
from hmmlib.constructions.attention import attention_head
from hmmlib.constructions.causal import SuffixPrompt, causal_head, next_probs, suffix_prompt
from hmmlib.constructions.checks import THEOREMS, Checked, check_theorem
from hmmlib.constructions.dependencies import Dependency
from hmmlib.constructions.hard_prompts import (
    HardPrompt,
    forgetting_bound,
    projective_diameter,
    shortest_hard_prompt,
)
from hmmlib.constructions.linear import head_for_prior, linear_head
from hmmlib.constructions.memory_prompts import MemoryPrompt, memory_prompt, start_error_bound, start_errors
from hmmlib.constructions.prompts import (
    SoftPrompt,
    find_prompt_states,
    prompt_head,
    prompted_prior,
    soft_prompt,
)
from hmmlib.constructions.rational import rational_head, two_bundles
from hmmlib.constructions.recoverable import Recovery, live_columns, recoverable_states, recovery

__all__ = [
    "THEOREMS",
    "AssumptionError",
    "Checked",
    "Dependency",
    "DependentColumnsError",
    "HardPrompt",
    "MemoryPrompt",
    "Recovery",
    "SearchGaveUpError",
    "SoftPrompt",
    "SuffixPrompt",
    "UnreachableStateError",
    "attention_head",
    "causal_head",
    "check_theorem",
    "find_prompt_states",
    "forgetting_bound",
    "head_for_prior",
    "linear_head",
    "live_columns",
    "memory_prompt",
    "next_probs",
    "projective_diameter",
    "prompt_head",
    "prompted_prior",
    "rational_head",
    "recoverable_states",
    "recovery",
    "shortest_hard_prompt",
    "soft_prompt",
    "start_error_bound",
    "start_errors",
    "suffix_prompt",
    "two_bundles",
]
