"""An LSTM language model of sentences, to set beside HMMs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hmmlib._checks import check_fraction, check_positive_int
from hmmlib._random import fill_uniform, start_generator
from hmmlib.words.corpora import Sentences, as_sentences
from hmmlib.words.training import SentenceModule, TrainedLanguageModel, TrainingRecipe, check_recipe, train


class LSTMLanguageModel(SentenceModule):
    """One layer of LSTM whose input and output embeddings are the same (Press and Wolf 2017).

    Every sentence begins in the same state, as in an HMM.

    Args:
        n_tokens: Size V of the vocabulary.
        width: Length of embeddings and of the hidden vector.
        dropout: Share of their entries that a batch does without, in [0, 1).
        generator: Seed of the start.

    Raises:
        TypeError: Sizes that are not integers, a rate that is no number.
        ValueError: A size below 1, or a rate out of range.
    """

    def __init__(self, n_tokens: int, *, width: int = 128, dropout: float = 0.2, generator: int) -> None:
        super().__init__()
        self._n_tokens = check_positive_int(n_tokens, "n_tokens")
        width = check_positive_int(width, "width")
        self.dropout = check_fraction(dropout, "dropout", below_one=True)
        random = start_generator(generator)
        bound = 1 / math.sqrt(width)
        self.words = nn.Embedding(n_tokens + 1, width)  # the last one begins a sentence
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(n_tokens))
        for part in (self.words, self.lstm):
            fill_uniform(part, bound, random)

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        return self._n_tokens

    def _nats(self, sentences: Sentences, random: torch.Generator | None) -> Tensor:
        """Loss at each word, 0 beyond the ends, shape (n, longest)."""
        tokens, lengths = sentences
        first = torch.full_like(tokens[:, :1], self._n_tokens)
        given = self._drop(self.words(torch.cat([first, tokens[:, :-1]], 1)), random)
        hidden = self._drop(self.lstm(given)[0], random)
        inside = torch.arange(tokens.shape[1]) < lengths[:, None]
        logits = hidden[inside] @ self.words.weight[:-1].T + self.bias  # (words, V)
        nats = torch.zeros(tokens.shape, dtype=logits.dtype)
        nats[inside] = nn.functional.cross_entropy(logits, tokens[inside], reduction="none")
        return nats

    def _drop(self, values: Tensor, random: torch.Generator | None) -> Tensor:
        if random is None or not self.dropout:
            return values
        kept = torch.rand(values.shape, generator=random) >= self.dropout
        return values * kept / (1 - self.dropout)

    def loss(self, sentences: Sentences, random: torch.Generator) -> Tensor:
        """Nats per word.

        Args:
            sentences: A batch.
            random: Draws what is dropped, in training.

        Returns:
            The loss, a scalar.
        """
        return self._nats(sentences, random if self.training else None).sum() / sentences.n_tokens

    def log_probs(self, sentences: Sentences) -> Tensor:
        """Log-probability of each sentence.

        Args:
            sentences: The sentences.

        Returns:
            Nats, shape (n,).

        Raises:
            TypeError: Tokens or lengths that are not integers.
            ValueError: Wrong shapes, no sentence, an empty one, or a token out of range.
        """
        checked = as_sentences(sentences, self._n_tokens)
        found = torch.empty(len(checked.lengths), dtype=torch.float64)
        with torch.no_grad():
            for rows in checked.lengths.argsort(descending=True, stable=True).split(128):
                found[rows] = -self._nats(checked.part(rows), None).sum(1).double()
        return found


def train_lstm(
    sentences: Sentences,
    n_tokens: int,
    *,
    validation: Sentences,
    generator: int,
    width: int = 128,
    dropout: float = 0.2,
    recipe: TrainingRecipe | None = None,
) -> TrainedLanguageModel[LSTMLanguageModel]:
    """Train an LSTM language model.

    Args:
        sentences: Sentences to train on.
        n_tokens: Size V of the vocabulary.
        validation: Sentences to choose the epoch by.
        generator: Seed of the start, of the order of sentences and of what is dropped.
        width: Length of embeddings and of the hidden vector.
        dropout: Share of their entries that a batch does without, in [0, 1).
        recipe: How it is trained.

    Returns:
        The model, as it was best on the validation sentences.

    Raises:
        TypeError: Tokens, lengths or sizes that are not integers.
        ValueError: Wrong shapes, an empty sentence, a token out of range, or a rate out of range.
    """
    how = check_recipe(recipe, TrainingRecipe(learning_rate=0.003))
    model = LSTMLanguageModel(n_tokens, width=width, dropout=dropout, generator=generator)
    read = as_sentences(sentences, model.n_tokens)
    held = as_sentences(validation, model.n_tokens, "validation")
    return train(model, read, held, how, generator)
