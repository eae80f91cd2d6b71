"""Language models: one interface, exact models, transformers, and how a model is asked.

`MaskedLM` is all that heads and prompts know. `ExactMaskedLM` answers by exact inference in a known HMM,
`ExactCausalLM` from the past alone, and `ExactMaskingLM` as a network would that had learnt all that a
masking asks for. `TransformerMaskedLM` is a network, and `hmmlib.lm.huggingface` wraps those of transformers.
`RememberedLM` computes each answer of a frozen model once. `blank_probs` and `text_probs` read what a model
shows at the blank and at the tokens of a text. `generate` lets a causal model go on with a text, perhaps with
some of the tokens only; `sequence_log_probs` says how probable given tokens are to it.
"""

from hmmlib.lm.base import (
    Context,
    MaskedLM,
    OnePositionLM,
    check_sees_others,
    conditioned_on,
    prepend_mask,
    prepend_prompt,
)
from hmmlib.lm.causal import ExactCausalLM
from hmmlib.lm.checkpoints import load_lm, save_lm
from hmmlib.lm.exact import ExactMaskedLM, ExactMaskingLM
from hmmlib.lm.generation import Generated, generate, sequence_log_probs
from hmmlib.lm.masking import Masking, noisy_evidence
from hmmlib.lm.readings import Reading, blank_probs, text_probs
from hmmlib.lm.remembered import RememberedLM
from hmmlib.lm.transformer import TransformerMaskedLM
from hmmlib.lm.transformer_config import TransformerConfig

__all__ = [
    "Context",
    "ExactCausalLM",
    "ExactMaskedLM",
    "ExactMaskingLM",
    "Generated",
    "MaskedLM",
    "Masking",
    "OnePositionLM",
    "Reading",
    "RememberedLM",
    "TransformerConfig",
    "TransformerMaskedLM",
    "blank_probs",
    "check_sees_others",
    "conditioned_on",
    "generate",
    "load_lm",
    "noisy_evidence",
    "prepend_mask",
    "prepend_prompt",
    "save_lm",
    "sequence_log_probs",
    "text_probs",
]
