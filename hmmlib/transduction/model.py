"""A hybrid autoregressive transducer: from vectors to words, with the blank a matter of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from hmmlib._checks import check_positive_int
from hmmlib._random import fill_uniform, start_generator
from hmmlib._texts import check_lengths
from hmmlib.densities.emissions import check_vectors
from hmmlib.transduction.errors import Strings, as_strings
from hmmlib.transduction.lattice import transducer_log_probs


class Utterances(NamedTuple):
    """Sequences of vectors of different lengths.

    Attributes:
        x: Vectors, shape (n, longest, D); what lies beyond the end is never read.
        frames: Number of vectors of each, shape (n,).
    """

    x: Tensor
    frames: Tensor

    def part(self, rows: Tensor | slice) -> Utterances:
        """Some of them, no longer than the longest.

        Args:
            rows: Which.

        Returns:
            They.
        """
        frames = self.frames[rows]
        return Utterances(self.x[rows][:, : int(frames.max())], frames)


class HybridTransducer(nn.Module):
    """A transducer whose blank is a matter of its own (Variani et al. 2020), with a context of one word.

    An encoder reads the vectors in both directions; of the words written, the last one counts. With the joint
    vector h = tanh(f_t + g_u) the blank has probability σ(w·h + c), and a word that of the rest times a
    softmax of W·h. It is made in single precision; ``.double()`` makes it double.

    Args:
        n_words: Number V of words.
        dim: Length D of a vector.
        width: Length of the hidden vectors.
        generator: Seed or numpy RandomState of the start.

    Raises:
        TypeError: A size is not an integer.
        ValueError: A size below 1.
    """

    def __init__(
        self, n_words: int, dim: int, *, width: int = 48, generator: int | np.random.RandomState
    ) -> None:
        super().__init__()
        self.n_words, self.dim = check_positive_int(n_words, "n_words"), check_positive_int(dim, "dim")
        width = check_positive_int(width, "width")
        random = start_generator(generator)
        self.reader = nn.GRU(dim, width, batch_first=True, bidirectional=True)
        self.heard = nn.Linear(2 * width, width)
        self.said = nn.Embedding(n_words + 1, width)  # the last one: nothing said yet
        self.blank, self.word = nn.Linear(width, 1), nn.Linear(width, n_words)
        fill_uniform(self, width**-0.5, random)

    def encode(self, heard: Utterances) -> Tensor:
        """Read vectors.

        Args:
            heard: The sequences.

        Returns:
            Shape (n, longest, width).
        """
        packed = nn.utils.rnn.pack_padded_sequence(
            heard.x.to(self.word.weight.dtype), heard.frames, batch_first=True, enforce_sorted=False
        )
        read, _ = nn.utils.rnn.pad_packed_sequence(
            self.reader(packed)[0], batch_first=True, total_length=heard.x.shape[1]
        )
        encoded: Tensor = self.heard(read)
        return encoded

    def joint(self, encoded: Tensor, last: Tensor, *, blank_penalty: float = 0.0) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the blank and of each word.

        Args:
            encoded: Frames, shape (…, width).
            last: The last word before, V for none, integers of a shape that broadcasts with the frames'.
            blank_penalty: What is taken from the blank's logit.

        Returns:
            Of the blank, shape (…), and of the words, shape (…, V); together they sum to one.
        """
        hidden = torch.tanh(encoded + self.said(last))
        logit = self.blank(hidden)[..., 0] - blank_penalty
        blank = nn.functional.logsigmoid(logit)
        words = nn.functional.logsigmoid(-logit)[..., None] + self.word(hidden).log_softmax(-1)
        return blank, words

    def log_probs(self, heard: Utterances, strings: Strings, encoded: Tensor | None = None) -> Tensor:
        """Log-probability of a string for each sequence, summed over alignments; differentiable.

        Args:
            heard: n sequences.
            strings: n strings.
            encoded: What `encode` says of them, if it is known.

        Returns:
            Nats, shape (n,).
        """
        read = self.encode(heard) if encoded is None else encoded  # (n, T, width)
        inside = torch.arange(strings.words.shape[1]) < strings.lengths[:, None]
        words = torch.where(inside, strings.words, 0)
        first = torch.full_like(strings.lengths[:, None], self.n_words)
        before = torch.cat([first, words], 1)  # (n, U + 1)
        blank, labels = self.joint(read[:, :, None], before[:, None])  # (n, T, U + 1[, V])
        index = words[:, None, :, None].expand(-1, read.shape[1], -1, 1)
        return transducer_log_probs(
            blank, labels[:, :, :-1].gather(-1, index)[..., 0], heard.frames, strings.lengths
        )

    def internal_lm(self, last: Tensor) -> Tensor:
        """What it expects of the next word when it hears nothing.

        Args:
            last: The last word before, V for none, integers of any shape.

        Returns:
            Log-probabilities, of that shape and one more axis, V.
        """
        found: Tensor = self.word(torch.tanh(self.said(last))).log_softmax(-1)
        return found


def as_utterances(heard: Utterances, dim: int) -> Utterances:
    """Check sequences of vectors at the door.

    Args:
        heard: The sequences.
        dim: Length D of a vector.

    Returns:
        The sequences in double precision on the CPU, zero beyond their ends.

    Raises:
        TypeError: Not real numbers, or lengths that are not integers.
        ValueError: A wrong shape, no sequence, an empty one, or an entry that is not finite.
    """
    if not isinstance(heard, Utterances):
        raise TypeError(f"heard: expected Utterances(x, frames), got {type(heard).__name__}")
    x = check_vectors(heard.x, dim, heard.frames, "heard.x")
    frames = check_lengths(heard.frames, (x.shape[0], x.shape[1]), x.device)
    if frames is None:
        raise TypeError("heard.frames: expected integers, got None")
    return Utterances(x, frames)


def as_pairs(heard: Utterances, said: Strings, dim: int, n_words: int) -> tuple[Utterances, Strings]:
    """Check sequences and their strings.

    Args:
        heard: n sequences.
        said: n strings.
        dim: Length D of a vector.
        n_words: Number V of words.

    Returns:
        Both.

    Raises:
        TypeError: As for `as_utterances` and `as_strings`.
        ValueError: As for them; or different numbers of both.
    """
    sequences, strings = as_utterances(heard, dim), as_strings(said, "said", n_words)
    if len(strings.lengths) != len(sequences.frames):
        raise ValueError(f"said: expected {len(sequences.frames)} strings, got {len(strings.lengths)}")
    return sequences, strings
