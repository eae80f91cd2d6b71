"""Language models over the words of sentences: HMMs of thousands of states, and others.

A `WordCorpus` is text in three parts; `king_james` comes with the book. In a `BlockedHMM` each state writes
the words of one class only, so that exact inference with thousands of states takes seconds (Chiu and Rush
2020). `exchange_classes` finds classes, `fit_blocked_hmm` fits the HMM by expectation–maximisation,
`train_neural_hmm` trains a network that makes its tables. `KneserNey` and `train_lstm` are the usual others.
`random_blocked_hmm` draws a source whose entropy is known; `perplexity` measures them all.
"""

from hmmlib.words._recursion import BlockCounts, Blocks
from hmmlib.words.blocked import BlockedHMM
from hmmlib.words.classes import WordClasses, exchange_classes
from hmmlib.words.corpora import (
    END,
    UNKNOWN,
    SentenceModel,
    Sentences,
    WordCorpus,
    king_james,
    perplexity,
    word_corpus,
)
from hmmlib.words.fitting import BlockedFit, expected_block_counts, fit_blocked_hmm
from hmmlib.words.lstm import LSTMLanguageModel, train_lstm
from hmmlib.words.neural import NeuralBlockedHMM, NeuralShape, train_neural_hmm
from hmmlib.words.ngrams import KneserNey
from hmmlib.words.random import random_blocked_hmm
from hmmlib.words.training import TrainedLanguageModel, TrainingRecipe

__all__ = [
    "END",
    "UNKNOWN",
    "BlockCounts",
    "BlockedFit",
    "BlockedHMM",
    "Blocks",
    "KneserNey",
    "LSTMLanguageModel",
    "NeuralBlockedHMM",
    "NeuralShape",
    "SentenceModel",
    "Sentences",
    "TrainedLanguageModel",
    "TrainingRecipe",
    "WordClasses",
    "WordCorpus",
    "exchange_classes",
    "expected_block_counts",
    "fit_blocked_hmm",
    "king_james",
    "perplexity",
    "random_blocked_hmm",
    "train_lstm",
    "train_neural_hmm",
    "word_corpus",
]
