"""Every figure of the book, in one style."""

from hmmlib.plotting._parts import spell
from hmmlib.plotting.figure3 import paper_figure3
from hmmlib.plotting.head_tuning import accuracy_by_states, accuracy_curves, two_simplices
from hmmlib.plotting.library_speed import growth
from hmmlib.plotting.masking import taken_for_noise, two_targets
from hmmlib.plotting.memory_and_attention import (
    attention_over_text,
    deviation_against_bound,
    emission_columns,
    soft_attention,
    text_and_reader,
)
from hmmlib.plotting.pretraining import (
    kl_by_machine,
    kl_by_place,
    ladder_curves,
    laws_side_by_side,
    split_by_window,
    training_curves,
)
from hmmlib.plotting.prompts_and_memory import (
    forgetting,
    keys_and_values,
    memory_posteriors,
    shares_recoverable,
)
from hmmlib.plotting.soft_prompts import (
    assumption_shares,
    exact_beside_paper,
    prior_under_prompt,
    token_laws_with_prompt,
)
from hmmlib.plotting.style import PALETTE, LineStyle, use_style
from hmmlib.plotting.text_from_an_hmm import (
    floor_against_states,
    parameter_maps,
    posterior_maps,
    text_with_states,
)
from hmmlib.plotting.when_heads_fail import (
    fibres,
    margins_by_states,
    overlap,
    turning_labels,
)

__all__ = [
    "PALETTE",
    "LineStyle",
    "accuracy_by_states",
    "accuracy_curves",
    "assumption_shares",
    "attention_over_text",
    "deviation_against_bound",
    "emission_columns",
    "exact_beside_paper",
    "fibres",
    "floor_against_states",
    "forgetting",
    "growth",
    "keys_and_values",
    "kl_by_machine",
    "kl_by_place",
    "ladder_curves",
    "laws_side_by_side",
    "margins_by_states",
    "memory_posteriors",
    "overlap",
    "paper_figure3",
    "parameter_maps",
    "posterior_maps",
    "prior_under_prompt",
    "shares_recoverable",
    "soft_attention",
    "spell",
    "split_by_window",
    "taken_for_noise",
    "text_and_reader",
    "text_with_states",
    "token_laws_with_prompt",
    "training_curves",
    "turning_labels",
    "two_simplices",
    "two_targets",
    "use_style",
]
