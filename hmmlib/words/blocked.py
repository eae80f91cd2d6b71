"""HMMs with thousands of states, each of which writes the words of one class only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hmmlib._checks import (
    ArrayLike,
    as_tensor,
    check_dtype,
    check_integers,
    check_positive_int,
    distributions,
    own_copy,
    real_tensor,
)
from hmmlib.hmm import HMM
from hmmlib.words._recursion import Blocks, next_words, sentence_log_probs
from hmmlib.words.corpora import Sentences, as_sentences, check_history


class BlockedHMM:
    """An HMM whose words are split among K classes, and whose H = K·k states are split likewise.

    A state writes the words of its own class and no others (Chiu and Rush 2020). So a word leaves k of the H
    states possible, and a step from word to word takes k² multiplications in place of H². State c·k + j is
    the j-th of class c. The model is immutable: its tables are given out as copies.

    Example:
        >>> from hmmlib.words import BlockedHMM
        >>> model = BlockedHMM([0.5, 0.5], [[0.9, 0.1], [0.4, 0.6]], [[0.3], [0.7], [1.0]], [0, 0, 1])
        >>> model
        BlockedHMM(n_states=2, n_classes=2, n_tokens=3)
        >>> model.dense().emission.tolist()
        [[0.3, 0.7, 0.0], [0.0, 0.0, 1.0]]

    Args:
        initial: P[first state], shape (H,).
        transition: P[next state | state], rows sum to one, shape (H, H).
        emission: P[word | j-th state of its class], shape (V, k); in each class the words
            sum to one, for each of its states.
        classes: Class of each word, integers 0 … K − 1, each of them at least once, shape (V,).
        dtype: torch.float64 (default) or torch.float32.

    Raises:
        TypeError: A table does not hold real numbers, classes that are not integers.
        ValueError: Shapes that do not fit, a class without words, a negative or non-finite entry, a
            distribution that does not sum to one. The message names the argument, the row and the value.
    """

    def __init__(
        self,
        initial: ArrayLike,
        transition: ArrayLike,
        emission: ArrayLike,
        classes: ArrayLike,
        *,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        check_dtype(dtype)
        own = check_classes(classes)
        n_classes, cpu = int(own.max()) + 1, torch.device("cpu")
        table = real_tensor(emission, "emission")
        if table.ndim != 2 or len(table) != len(own) or not table.shape[1]:
            raise ValueError(
                f"emission: expected shape ({len(own)}, k), a row for each word, got {tuple(table.shape)}"
            )
        k = table.shape[1]
        size = n_classes * k
        first = real_tensor(initial, "initial")
        if first.shape != (size,):
            raise ValueError(
                f"initial: expected shape ({size},), {k} states for each of {n_classes} classes, "
                f"got {tuple(first.shape)}"
            )
        moves = real_tensor(transition, "transition")
        if moves.shape != (size, size):
            raise ValueError(f"transition: expected shape ({size}, {size}), got {tuple(moves.shape)}")
        moves = distributions(moves, "transition", ["row"], dtype, cpu)
        self._blocks = Blocks(
            distributions(first, "initial", [], dtype, cpu).view(n_classes, k),
            moves.view(n_classes, k, n_classes, k).transpose(1, 2).reshape(-1, k, k),
            _check_emission(table, own, n_classes, dtype),
            own,
        )

    @classmethod
    def of_blocks(cls, blocks: Blocks) -> BlockedHMM:
        """The model of tables that are known to be right; they are not copied.

        Args:
            blocks: The tables.

        Returns:
            The model.
        """
        made = cls.__new__(cls)
        made._blocks = blocks
        return made

    @property
    def blocks(self) -> Blocks:
        """The model's own tables as recursions read them; never write to them."""
        return self._blocks

    @property
    def initial(self) -> Tensor:
        """P[first state], shape (H,)."""
        return own_copy(self._blocks.initial.view(-1))

    @property
    def transition(self) -> Tensor:
        """P[next state | state], shape (H, H)."""
        m, k = self._blocks.initial.shape
        return own_copy(self._blocks.moves.view(m, m, k, k).transpose(1, 2).reshape(m * k, m * k))

    @property
    def emission(self) -> Tensor:
        """P[word | j-th state of its class], shape (V, k)."""
        return own_copy(self._blocks.emission)

    @property
    def classes(self) -> Tensor:
        """Class of each word, int64, shape (V,)."""
        return self._blocks.classes.clone()

    @property
    def n_classes(self) -> int:
        """Number K of classes."""
        return self._blocks.initial.shape[0]

    @property
    def states_per_class(self) -> int:
        """Number k of states of a class."""
        return self._blocks.initial.shape[1]

    @property
    def n_states(self) -> int:
        """Number H = K·k of states."""
        return self._blocks.initial.numel()

    @property
    def n_tokens(self) -> int:
        """Size V of the vocabulary."""
        return len(self._blocks.classes)

    @property
    def n_parameters(self) -> int:
        """How many numbers can be chosen, one less for each distribution than its entries."""
        m, k = self._blocks.initial.shape
        return (m * k - 1) * (m * k + 1) + (self.n_tokens - m) * k

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the tables, and of everything computed from them."""
        return self._blocks.initial.dtype

    def dense(self) -> HMM:
        """The same model as an HMM, with H·V emission probabilities of which most are zero.

        Returns:
            The HMM.
        """
        m, k = self._blocks.initial.shape
        emission = torch.zeros(m, k, self.n_tokens, dtype=self.dtype)
        emission[self._blocks.classes, :, torch.arange(self.n_tokens)] = self._blocks.emission
        return HMM(self.initial, self.transition, emission.view(m * k, -1), dtype=self.dtype)

    def log_probs(self, sentences: Sentences) -> Tensor:
        """Log-probability of each sentence.

        Args:
            sentences: The sentences.

        Returns:
            Nats, shape (n,); −inf for a sentence that the model cannot produce.

        Raises:
            TypeError: Tokens or lengths that are not integers.
            ValueError: Wrong shapes, no sentence, an empty one, or a token out of range.
        """
        return sentence_log_probs(self._blocks, as_sentences(sentences, self.n_tokens))

    def next_probs(self, history: Sequence[int]) -> Tensor:
        """The distribution of the next word of a sentence.

        Args:
            history: The sentence so far, integers 0 … V − 1; it may be empty.

        Returns:
            Probabilities, shape (V,).

        Raises:
            ValueError: A word out of range, or a beginning that the model cannot produce.
        """
        given = check_history(history, self.n_tokens)
        return next_words(self._blocks, torch.tensor(given) if given else None)

    def __repr__(self) -> str:
        kind = "" if self.dtype == torch.float64 else f", dtype={self.dtype}"
        sizes = f"n_states={self.n_states}, n_classes={self.n_classes}, n_tokens={self.n_tokens}"
        return f"BlockedHMM({sizes}{kind})"


def check_classes(classes: ArrayLike, n_tokens: int | None = None, name: str = "classes") -> Tensor:
    """Check that each word has a class and each class a word.

    Args:
        classes: Class of each word, integers 0 … K − 1, shape (V,).
        n_tokens: Size V of the vocabulary; None: whatever it is.
        name: The argument's name, for the message.

    Returns:
        The classes, int64, on the CPU.

    Raises:
        TypeError: They are not integers.
        ValueError: A wrong shape, a negative class, or one without words.
    """
    found = check_integers(as_tensor(classes, name, "integers of shape (V,)"), name).cpu()
    if found.ndim != 1 or not len(found) or (n_tokens is not None and len(found) != n_tokens):
        wanted = "V" if n_tokens is None else n_tokens
        raise ValueError(f"{name}: expected shape ({wanted},), one for each word, got {tuple(found.shape)}")
    if int(found.min()) < 0:
        word = int(found.argmin())
        raise ValueError(f"{name}: word {word} has class {int(found[word])}; expected 0 or more")
    empty = (found.bincount() == 0).nonzero()
    if len(empty):
        raise ValueError(
            f"{name}: class {int(empty[0])} has no words; expected each of 0 … {int(found.max())} at "
            "least once"
        )
    return found.clone()


def states_for(n_states: int, n_classes: int) -> int:
    """How many states each class gets.

    Args:
        n_states: Number H of states.
        n_classes: Number K of classes.

    Returns:
        k = H/K.

    Raises:
        TypeError: A number that is not an integer.
        ValueError: H is no multiple of K.
    """
    n_states = check_positive_int(n_states, "n_states")
    if n_states % n_classes:
        raise ValueError(
            f"n_states: expected a multiple of the {n_classes} classes, so that each has as many, got "
            f"{n_states}"
        )
    return n_states // n_classes


def _check_emission(table: Tensor, classes: Tensor, n_classes: int, dtype: torch.dtype) -> Tensor:
    bad = ~torch.isfinite(table) | (table < 0)
    if bad.any():
        word, state = (int(i) for i in bad.nonzero()[0])
        raise ValueError(
            f"emission: word {word}, entry {state} is {float(table[word, state]):g}; "
            "expected a finite probability >= 0"
        )
    sums = torch.zeros(n_classes, table.shape[1], dtype=torch.float64).index_add_(
        0, classes, table.double().cpu()
    )
    tolerance = 1e-8 if table.dtype == torch.float64 else 1e-5
    off = ((sums - 1).abs() > tolerance).nonzero()
    if len(off):
        row, state = (int(i) for i in off[0])
        raise ValueError(
            f"emission: the words of class {row} sum to {float(sums[row, state]):.10g} in its state {state}; "
            f"expected 1 within {tolerance:g}"
        )
    return table.to(dtype=dtype, device="cpu", copy=True)
