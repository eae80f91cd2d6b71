"""The generative model: hidden Markov models, text sampled from them, exact inference.

`HMM` is the vanilla model, `MemoryHMM` the memory-augmented one of the paper's Section 4. `sample_tokens`
draws text, `posteriors` infers the hidden states and each token given the others (G of the paper), with masks
and lengths; `posteriors_from_evidence` takes soft evidence instead of tokens (Ḡ) and is differentiable in it.
`sample_paths` draws hidden paths of texts from their posterior, and `sample_states` given soft evidence;
`path_log_probs` and `path_entropy` say how probable a path is, and how uncertain all are. `content_posterior`
says what a memory holds, given a text.

A `MarkovChain` is the dynamics of an HMM without a vocabulary, for emissions of any other kind. `fit_hmm`
learns an HMM from texts by Baum and Welch's algorithm; `log_likelihood` has gradients to all parameters;
`expected_counts` are what both rest on.

`random_hmm` and `random_memory_hmm` draw models as the paper's experiments do, `random_sparse_hmm` and
`random_recoverable_hmm` models that satisfy the assumptions of its theorems. `random_ordered_hmm` draws
models whose memory the order of words tells and their number does not. `review_hmm` is the running example
of the book's theory. A `RationalHMM` is a small model in fractions, without rounding.
"""

from hmmlib.hmm._counts import ExpectedCounts
from hmmlib.hmm.baum_welch import HMMFit, expected_counts, fit_hmm
from hmmlib.hmm.chain import Chain, Dynamics, LatentChainModel
from hmmlib.hmm.contents import content_log_likelihood, content_posterior, uniform_memory
from hmmlib.hmm.entropies import Estimate, bayes_floor, entropy, unigram_entropy
from hmmlib.hmm.fingerprints import fingerprint
from hmmlib.hmm.inference import (
    Posteriors,
    blank_posterior,
    conditionals_at,
    posteriors,
    posteriors_from_evidence,
    prepend_blank,
)
from hmmlib.hmm.learning import log_likelihood
from hmmlib.hmm.markov import MarkovChain
from hmmlib.hmm.memory import MemoryHMM
from hmmlib.hmm.ordered import random_ordered_hmm
from hmmlib.hmm.paths import PathSample, path_entropy, path_log_probs, sample_paths, sample_states
from hmmlib.hmm.planted import random_recoverable_hmm, random_sparse_hmm
from hmmlib.hmm.random import N_SYNTAX, N_TOKENS, random_hmm, random_memory_hmm
from hmmlib.hmm.rational import RationalHMM
from hmmlib.hmm.reviews import REVIEW_STATES, REVIEW_WORDS, review_hmm
from hmmlib.hmm.sampling import Sample, sample, sample_tokens
from hmmlib.hmm.stationary import stationary_distribution
from hmmlib.hmm.vanilla import HMM

__all__ = [
    "HMM",
    "N_SYNTAX",
    "N_TOKENS",
    "REVIEW_STATES",
    "REVIEW_WORDS",
    "Chain",
    "Dynamics",
    "Estimate",
    "ExpectedCounts",
    "HMMFit",
    "LatentChainModel",
    "MarkovChain",
    "MemoryHMM",
    "PathSample",
    "Posteriors",
    "RationalHMM",
    "Sample",
    "bayes_floor",
    "blank_posterior",
    "conditionals_at",
    "content_log_likelihood",
    "content_posterior",
    "entropy",
    "expected_counts",
    "fingerprint",
    "fit_hmm",
    "log_likelihood",
    "path_entropy",
    "path_log_probs",
    "posteriors",
    "posteriors_from_evidence",
    "prepend_blank",
    "random_hmm",
    "random_memory_hmm",
    "random_ordered_hmm",
    "random_recoverable_hmm",
    "random_sparse_hmm",
    "review_hmm",
    "sample",
    "sample_paths",
    "sample_states",
    "sample_tokens",
    "stationary_distribution",
    "uniform_memory",
    "unigram_entropy",
]
