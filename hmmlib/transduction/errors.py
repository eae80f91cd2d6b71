"""Word errors: how many substitutions, deletions and insertions lie between two strings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import as_tensor, check_integers, check_kind


class Strings(NamedTuple):
    """Strings of words of different lengths; one may be empty.

    Attributes:
        words: Integers, int64, shape (n, longest); what lies beyond the end is never read.
        lengths: Number of words of each, 0 … longest, int64, shape (n,).
    """

    words: Tensor
    lengths: Tensor

    def lists(self) -> list[list[int]]:
        """The strings as lists.

        Returns:
            One list of words for each.
        """
        return [row[:n].tolist() for row, n in zip(self.words, self.lengths, strict=True)]


class ErrorCounts(NamedTuple):
    """Errors of each string.

    Attributes:
        substitutions: Words that stand for others, int64, shape (n,).
        deletions: Words of the reference that are missing, shape (n,).
        insertions: Words too many, shape (n,).
        words: Words of the reference, shape (n,).
    """

    substitutions: Tensor
    deletions: Tensor
    insertions: Tensor
    words: Tensor

    @property
    def errors(self) -> Tensor:
        """All errors of each string, its edit distance, shape (n,)."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """All errors over all words of the references, the word error rate."""
        return float(self.errors.sum()) / float(self.words.sum())


def as_strings(strings: Strings, name: str, n_words: int | None = None) -> Strings:
    """Check strings at the door.

    Args:
        strings: The strings.
        name: The argument's name, for the message.
        n_words: Number V of words; None: any integers will do.

    Returns:
        The strings, on the CPU.

    Raises:
        TypeError: No `Strings`, or words or lengths that are not integers.
        ValueError: Shapes that do not fit, a length or a word out of range; the message names the string.
    """
    check_kind(strings, Strings, name, "Strings(words, lengths)")
    words = check_integers(as_tensor(strings.words, f"{name}.words", "integers"), f"{name}.words").cpu()
    lengths = check_integers(
        as_tensor(strings.lengths, f"{name}.lengths", "integers"), f"{name}.lengths"
    ).cpu()
    if words.ndim != 2 or lengths.shape != words.shape[:1]:
        raise ValueError(
            f"{name}: expected words of shape (n, longest) and n lengths, got {tuple(words.shape)} and "
            f"{tuple(lengths.shape)}"
        )
    bad = ((lengths < 0) | (lengths > words.shape[1])).nonzero()
    if len(bad):
        row = int(bad[0])
        raise ValueError(
            f"{name}.lengths: string {row} has {int(lengths[row])}; expected 0 … {words.shape[1]}"
        )
    if n_words is not None:
        inside = torch.arange(words.shape[1]) < lengths[:, None]
        bad = (inside & ((words < 0) | (words >= n_words))).nonzero()
        if len(bad):
            row, place = (int(i) for i in bad[0])
            raise ValueError(
                f"{name}.words: string {row}, position {place} holds {int(words[row, place])}; expected 0 … "
                f"{n_words - 1}"
            )
    return Strings(words, lengths)


def error_counts(hypotheses: Strings, references: Strings) -> ErrorCounts:
    """The fewest errors that make a reference into a hypothesis, pair by pair (Levenshtein 1966).

    Of several ways with as few errors, the one is counted that prefers substitutions, then deletions.

    Example:
        >>> import torch
        >>> from hmmlib.transduction import Strings, error_counts
        >>> said = Strings(torch.tensor([[1, 2, 3]]), torch.tensor([3]))
        >>> heard = Strings(torch.tensor([[1, 3, 3, 0]]), torch.tensor([4]))
        >>> counts = error_counts(heard, said)
        >>> int(counts.substitutions), int(counts.deletions), int(counts.insertions)
        (1, 0, 1)

    Args:
        hypotheses: What was heard, n strings.
        references: What was said, n strings.

    Returns:
        The counts.

    Raises:
        TypeError: No `Strings`, or words or lengths that are not integers.
        ValueError: Shapes that do not fit, or different numbers of strings.
    """
    heard, said = as_strings(hypotheses, "hypotheses"), as_strings(references, "references")
    n = len(heard.lengths)
    if len(said.lengths) != n:
        raise ValueError(
            f"references: expected {n} strings, as there are hypotheses, got {len(said.lengths)}"
        )
    columns = heard.words.shape[1] + 1
    # Cost of the first i words of the reference against the first j of the hypothesis, and its kinds; row i.
    zeros = torch.zeros(n, columns, dtype=torch.int64)
    kinds = torch.stack([zeros, zeros, torch.arange(columns).expand(n, -1)], -1)  # (n, columns, 3)
    found = _picked(kinds, heard.lengths)
    for i in range(said.words.shape[1]):
        above = kinds
        new = [above[:, 0] + torch.tensor([0, 1, 0])]
        for j in range(columns - 1):
            wrong = (said.words[:, i] != heard.words[:, j]).long()
            options = torch.stack(
                [
                    above[:, j] + wrong[:, None] * torch.tensor([1, 0, 0]),
                    above[:, j + 1] + torch.tensor([0, 1, 0]),
                    new[-1] + torch.tensor([0, 0, 1]),
                ]
            )  # (3, n, 3)
            best = options.sum(-1).argmin(0)  # the first of the least
            new.append(options[best, torch.arange(n)])
        kinds = torch.stack(new, 1)
        found = torch.where((said.lengths == i + 1)[:, None], _picked(kinds, heard.lengths), found)
    return ErrorCounts(found[:, 0], found[:, 1], found[:, 2], said.lengths.clone())


def edit_distances(hypotheses: Strings, references: Strings) -> Tensor:
    """The fewest errors that make a reference into a hypothesis, without their kinds, in much less time.

    Args:
        hypotheses: Checked strings, n of them.
        references: As many.

    Returns:
        int64, shape (n,).
    """
    n, columns = len(hypotheses.lengths), hypotheses.words.shape[1] + 1
    place = torch.arange(columns)
    row = place.expand(n, -1)
    found = row.gather(1, hypotheses.lengths[:, None])[:, 0]
    for i in range(references.words.shape[1]):
        wrong = (references.words[:, i, None] != hypotheses.words).long()
        best = row + 1  # a word of the reference is missing
        best = torch.cat([best[:, :1], torch.minimum(best[:, 1:], row[:, :-1] + wrong)], 1)
        # Any number of words too many: the least of what stands to the left, and the way from there.
        row = (best - place).cummin(1).values + place
        ended = references.lengths == i + 1
        found = torch.where(ended, row.gather(1, hypotheses.lengths[:, None])[:, 0], found)
    return found


def _picked(kinds: Tensor, lengths: Tensor) -> Tensor:
    """The column of each string's end, (n, 3)."""
    return kinds[torch.arange(len(lengths)), lengths]
