"""Blocked HMMs whose tables come from a network, trained by gradients (Chiu and Rush 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hmmlib._checks import ArrayLike, check_fraction, check_kind, check_positive_int
from hmmlib._random import drawing_generator, fill_uniform, start_generator
from hmmlib.words._recursion import Blocks, block_counts
from hmmlib.words.blocked import BlockedHMM, check_classes, states_for
from hmmlib.words.corpora import Sentences, as_sentences
from hmmlib.words.training import SentenceModule, TrainedLanguageModel, TrainingRecipe, check_recipe, train


class _Residual(nn.Module):
    """Two layers with a bridge and a norm: LN(ReLU(W₂ ReLU(W₁ x)) + ReLU(W₁ x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.first(x))
        result: Tensor = self.norm(torch.relu(self.second(inner)) + inner)
        return result


class NeuralBlockedHMM(SentenceModule):
    """The tables of a blocked HMM as functions of embeddings of its states and words.

    With an embedding e of each state and v of each word, and three small networks f, g, h, a transition is
    the softmax over all states of f(e)·e', a first state the softmax of g(e)·w, and a word the softmax, over
    the words of its class, of h(e)·v + bias. So the number of parameters grows with H + V and not with H².

    Args:
        classes: Class of each word, integers 0 … K − 1, shape (V,).
        n_states: Number H of states, a multiple of K.
        width: Length of an embedding.
        dropout: Share of each class's states that a batch does without, in [0, 1).
        tied: A state has one embedding, as the released code has it; otherwise one for what it does, one for
            how it is reached and one for what it writes.
        generator: Seed or numpy RandomState of the start.

    Raises:
        TypeError: Classes or sizes that are not integers, a rate that is no number.
        ValueError: A class without words, a number of states that is no multiple of the classes, or a rate
            that leaves a class without states.
    """

    def __init__(
        self,
        classes: ArrayLike,
        n_states: int,
        *,
        width: int = 64,
        dropout: float = 0.0,
        tied: bool = True,
        generator: int | np.random.RandomState,
    ) -> None:
        super().__init__()
        self.classes = check_classes(classes)
        self.n_classes = int(self.classes.max()) + 1
        self.states_per_class = states_for(n_states, self.n_classes)
        self.dropout = check_fraction(dropout, "dropout", below_one=True)
        if round(self.states_per_class * (1 - self.dropout)) < 1:
            raise ValueError(
                f"dropout: {dropout} leaves none of the {self.states_per_class} states of a class; "
                "expected at least one"
            )
        width = check_positive_int(width, "width")
        random = start_generator(generator)

        def table(rows: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, width, generator=random) / math.sqrt(width))

        self.states = table(n_states)
        self.reached = self.states if tied else table(n_states)
        self.writing = self.states if tied else table(n_states)
        self.words, self.bias = table(len(self.classes)), nn.Parameter(torch.zeros(len(self.classes)))
        self.start = nn.Parameter(torch.zeros(width))
        self.moving, self.starting, self.saying = (_Residual(width) for _ in range(3))
        for layer in (layer for net in (self.moving, self.starting, self.saying) for layer in net.children()):
            if isinstance(layer, nn.Linear):
                fill_uniform(layer, width**-0.5, random)

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        return len(self.classes)

    def log_tables(self, keep: Tensor | None = None) -> Blocks:
        """Logarithms of the tables, with gradients.

        Args:
            keep: For each class the states that are there, shape (K, k'); None: all. The distributions are
                those of a model that has only these.

        Returns:
            Logarithms of initial (K, k'), moves (K·K, k', k') and emission (V, k').
        """
        m, k = self.n_classes, self.states_per_class
        if keep is None:
            rows, kept = torch.arange(m * k), k
        else:
            rows, kept = (keep + k * torch.arange(m)[:, None]).reshape(-1), keep.shape[1]
        states = self.states[rows]
        initial = (self.starting(states) @ self.start).log_softmax(0)
        moves = (self.moving(states) @ self.reached[rows].T).log_softmax(1)
        blocks = moves.view(m, kept, m, kept).transpose(1, 2).reshape(-1, kept, kept)
        saying = self.saying(self.writing[rows]).view(m, kept, -1)
        scores = torch.empty(self.n_tokens, kept)
        parts, order = [], self.classes.argsort(stable=True)
        for own, some in enumerate(order.split(self.classes.bincount().tolist())):
            logits = self.words[some] @ saying[own].T + self.bias[some, None]  # (words, k')
            parts.append(logits.log_softmax(0))
        scores = torch.cat(parts)[order.argsort()]
        return Blocks(initial.view(m, kept), blocks, scores, self.classes)

    def drop_states(self, random: torch.Generator) -> Tensor | None:
        """Which states a batch keeps.

        Args:
            random: Draws them, each class by itself and each state with the same probability.

        Returns:
            Shape (K, k'), or None if none are dropped.
        """
        kept = round(self.states_per_class * (1 - self.dropout))
        if kept == self.states_per_class:
            return None
        draws = torch.rand(self.n_classes, self.states_per_class, generator=random)
        return draws.argsort(1)[:, :kept].sort(1).values

    def loss(self, sentences: Sentences, random: torch.Generator) -> Tensor:
        """Nats per word; its gradient is exact, by Fisher's identity.

        The derivative of log P[text] is that of the expected counts' scalar product with the logarithms of
        the tables, the counts held fixed. So nothing is differentiated but the tables.

        Args:
            sentences: A batch.
            random: Draws which states are dropped, in training.

        Returns:
            The loss, a scalar.
        """
        logs = self.log_tables(self.drop_states(random) if self.training else None)
        with torch.no_grad():
            tables = Blocks(logs.initial.exp(), logs.moves.exp(), logs.emission.exp(), self.classes)
            counts = block_counts(tables, sentences)
        pairs = zip(counts[:3], logs[:3], strict=True)
        total = torch.stack([(count * log).sum() for count, log in pairs]).sum()
        value = counts.log_probs.sum().to(total)
        return -(total - total.detach() + value) / sentences.n_tokens

    def to_blocked(self) -> BlockedHMM:
        """The HMM with these tables.

        Returns:
            The HMM, all states in it.
        """
        with torch.no_grad():
            logs = self.log_tables()
            return BlockedHMM.of_blocks(
                Blocks(logs.initial.exp(), logs.moves.exp(), logs.emission.exp(), self.classes)
            )

    def log_probs(self, sentences: Sentences) -> Tensor:
        """Log-probability of each sentence, all states in the model.

        Args:
            sentences: The sentences.

        Returns:
            Nats, shape (n,).

        Raises:
            TypeError: Tokens or lengths that are not integers.
            ValueError: Wrong shapes, no sentence, an empty one, or a token out of range.
        """
        return self.to_blocked().log_probs(sentences)


@dataclass(frozen=True)
class NeuralShape:
    """What a `NeuralBlockedHMM` is like, but for its words and states.

    Attributes:
        width: Length of an embedding.
        dropout: Share of states that a batch does without, in [0, 1).
        tied: Whether a state has one embedding only.
    """

    width: int = 64
    dropout: float = 0.0
    tied: bool = True

    def __post_init__(self) -> None:
        check_positive_int(self.width, "width")
        check_fraction(self.dropout, "dropout", below_one=True)


def train_neural_hmm(
    sentences: Sentences,
    n_states: int,
    classes: ArrayLike,
    *,
    validation: Sentences,
    generator: int,
    shape: NeuralShape | None = None,
    recipe: TrainingRecipe | None = None,
) -> TrainedLanguageModel[NeuralBlockedHMM]:
    """Train a blocked HMM whose tables come from a network.

    Args:
        sentences: Sentences to train on.
        n_states: Number H of states, a multiple of the number of classes.
        classes: Class of each word, integers 0 … K − 1, shape (V,).
        validation: Sentences to choose the epoch by.
        generator: Seed of the start, of the order of sentences and of what is dropped.
        shape: What the network is like.
        recipe: How it is trained.

    Returns:
        The model, as it was best on the validation sentences.

    Raises:
        TypeError: Tokens, lengths, classes or sizes that are not integers.
        ValueError: Wrong shapes, an empty sentence, a token out of range, a class without words, a number of
            states that is no multiple of the classes, or a dropout that leaves a class without states.
    """
    like = NeuralShape() if shape is None else check_kind(shape, NeuralShape, "shape", "a NeuralShape")
    how = check_recipe(recipe, TrainingRecipe())
    random = drawing_generator(generator)
    model = NeuralBlockedHMM(
        classes, n_states, width=like.width, dropout=like.dropout, tied=like.tied, generator=random
    )
    read = as_sentences(sentences, model.n_tokens)
    held = as_sentences(validation, model.n_tokens, "validation")
    return train(model, read, held, how, random)
