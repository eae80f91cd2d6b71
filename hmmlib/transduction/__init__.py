"""From vectors to strings of words, and the errors that are counted.

`SpokenWords` is a world in which an HMM speaks: the probability of every string given what is heard is known,
and so is the least word error rate. A `HybridTransducer` learns to write what it hears (Variani et al. 2020),
by likelihood or by expected word errors (`train_transducer`). `beam_search` decodes; `error_counts` counts.
"""

from hmmlib.transduction.beams import BeamRecipe, Beams, beam_search, least_expected_error
from hmmlib.transduction.errors import ErrorCounts, Strings, error_counts
from hmmlib.transduction.lattice import transducer_log_probs
from hmmlib.transduction.model import HybridTransducer, Utterances
from hmmlib.transduction.spoken import SpokenWords, random_spoken_words
from hmmlib.transduction.training import TransducerRecipe, expected_errors, train_transducer

__all__ = [
    "BeamRecipe",
    "Beams",
    "ErrorCounts",
    "HybridTransducer",
    "SpokenWords",
    "Strings",
    "TransducerRecipe",
    "Utterances",
    "beam_search",
    "error_counts",
    "expected_errors",
    "least_expected_error",
    "random_spoken_words",
    "train_transducer",
    "transducer_log_probs",
]
