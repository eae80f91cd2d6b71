"""Beam search for a transducer, with equal strings put together; and the string of least expected error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_kind, check_number, check_positive_int
from hmmlib.transduction.errors import Strings, edit_distances
from hmmlib.transduction.model import HybridTransducer, Utterances, as_utterances

_PRIME = 1_000_003
# Sequences that are searched at a time.
_AT_ONCE = 256


@dataclass(frozen=True)
class BeamRecipe:
    """How strings are searched for.

    Attributes:
        width: How many strings are kept at each frame.
        blank_penalty: What is taken from the blank's logit.
        length_exponent: Scores are divided by the number of words to this power, at the end.
        internal_lm_weight: How much of what the transducer expects without hearing is taken from its scores,
            at the end.
    """

    width: int = 4
    blank_penalty: float = 0.0
    length_exponent: float = 0.0
    internal_lm_weight: float = 0.0

    def __post_init__(self) -> None:
        check_positive_int(self.width, "width")
        for name in ("blank_penalty", "length_exponent", "internal_lm_weight"):
            check_number(getattr(self, name), name)


class Beams(NamedTuple):
    """Strings that a beam search ended with, the best first.

    Attributes:
        words: int64, shape (n, width, longest).
        lengths: int64, shape (n, width).
        log_probs: Logarithm of the summed probability of the alignments that were kept, shape (n, width);
            −inf where there are fewer strings.
    """

    words: Tensor
    lengths: Tensor
    log_probs: Tensor

    def strings(self, rank: int = 0) -> Strings:
        """The strings of one rank.

        Args:
            rank: 0 for the best.

        Returns:
            They, one for each sequence.
        """
        return Strings(self.words[:, rank], self.lengths[:, rank])

    def flat(self) -> Strings:
        """All strings in a row.

        Returns:
            They, those of the first sequence first.
        """
        return Strings(self.words.flatten(0, 1), self.lengths.flatten())


def beam_search(model: HybridTransducer, heard: Utterances, recipe: BeamRecipe | None = None) -> Beams:
    """Search for probable strings, frame by frame; at most one word is written at a frame.

    Args:
        model: The transducer.
        heard: The sequences.
        recipe: How.

    Returns:
        The strings.

    Raises:
        TypeError: Another model or recipe, not real numbers, or lengths that are not integers.
        ValueError: A wrong shape, no sequence, an empty one, or an entry that is not finite.
    """
    check_kind(model, HybridTransducer, "model", "a HybridTransducer")
    how = BeamRecipe() if recipe is None else check_kind(recipe, BeamRecipe, "recipe", "a BeamRecipe")
    sequences = as_utterances(heard, model.dim)
    # Short sequences are not padded to the longest of all.
    pieces = sequences.frames.argsort(stable=True).split(_AT_ONCE)
    with torch.no_grad():
        found = [_search(model, sequences.part(rows), how) for rows in pieces]
    longest = max(one.words.shape[2] for one in found)
    words = torch.cat(
        [torch.nn.functional.pad(one.words, (0, longest - one.words.shape[2])) for one in found]
    )
    back = torch.cat(pieces).argsort()
    lengths, logs = (torch.cat(part)[back] for part in list(zip(*found, strict=True))[1:])
    return Beams(words[back], lengths, logs)


def _search(model: HybridTransducer, heard: Utterances, how: BeamRecipe) -> Beams:
    encoded = model.encode(heard)
    batch, time, _ = encoded.shape
    v, k = model.n_words, how.width
    words = torch.zeros(batch, k, time, dtype=torch.int64)
    lengths = torch.zeros(batch, k, dtype=torch.int64)
    last = torch.full((batch, k), v)
    names = torch.zeros(batch, k, dtype=torch.int64)  # a number for each string
    scores = torch.full((batch, k), -torch.inf, dtype=torch.float64)
    scores[:, 0] = 0.0
    row = torch.arange(batch)[:, None]
    for t in range(time):
        frame = encoded[:, t, None]
        blank, labels = model.joint(frame, last, blank_penalty=how.blank_penalty)  # (B, K), (B, K, V)
        every = torch.arange(v).expand(batch, 1, v)
        ends, _ = model.joint(frame[:, :, None], every, blank_penalty=how.blank_penalty)  # (B, 1, V)
        stay = scores + blank.double()
        write = scores[..., None] + (labels + ends).double()  # a word, then the blank
        longer = (names[..., None] * _PRIME + torch.arange(1, v + 1)).flatten(1)
        called = torch.cat([names, longer], 1)
        merged = _merged(stay, write.flatten(1), names, longer)  # (B, K + K·V)
        best, place = merged.topk(k, 1)
        is_word = place >= k
        parent = torch.where(is_word, (place - k) // v, place)
        word = (place - k) % v
        new_words, new_lengths = words[row, parent], lengths[row, parent]
        end = new_lengths[..., None].clamp(max=time - 1)
        kept = new_words.gather(2, end)[..., 0]
        new_words.scatter_(2, end, torch.where(is_word, word, kept)[..., None])
        new_lengths = new_lengths + is_word
        new_last = torch.where(is_word, word, last[row, parent])
        new_names = called.gather(1, place)
        goes_on = (t < heard.frames)[:, None]
        words = torch.where(goes_on[..., None], new_words, words)
        lengths = torch.where(goes_on, new_lengths, lengths)
        last = torch.where(goes_on, new_last, last)
        names = torch.where(goes_on, new_names, names)
        scores = torch.where(goes_on, best, scores)
    ranked = scores
    if how.internal_lm_weight:
        ranked = ranked - how.internal_lm_weight * _internal(model, words, lengths)
    if how.length_exponent:
        ranked = ranked / lengths.clamp(min=1).double() ** how.length_exponent
    order = ranked.argsort(dim=1, descending=True, stable=True)
    longest = max(1, int(lengths.max()))
    return Beams(words[row, order][..., :longest], lengths[row, order], scores[row, order])


def _merged(stay: Tensor, write: Tensor, names: Tensor, longer: Tensor) -> Tensor:
    """Scores of equal strings put together, at the first of them; −inf at the others.

    Strings that are kept differ from one another, but for places that no string took, and so do those with a
    word more. So a string with a word more can only equal one that is kept: all pairs need not be compared.
    """
    same = names[:, :, None] == names[:, None, :]  # (B, K, K)
    first = ~(same & torch.ones(same.shape[1:], dtype=torch.bool).tril(-1)).any(-1)
    kept = torch.where(same, stay[:, None, :], -torch.inf).logsumexp(-1)
    match = (names[:, :, None] == longer[:, None, :]) & first[:, :, None]  # (B, K, K·V)
    kept = torch.logaddexp(kept, torch.where(match, write[:, None, :], -torch.inf).logsumexp(-1))
    return torch.cat([torch.where(first, kept, -torch.inf), torch.where(match.any(1), -torch.inf, write)], 1)


def _internal(model: HybridTransducer, words: Tensor, lengths: Tensor) -> Tensor:
    """Log-probability of strings by the internal language model, shape (n, width)."""
    first = torch.full_like(words[..., :1], model.n_words)
    before = torch.cat([first, words[..., :-1]], -1)
    logs = model.internal_lm(before).gather(-1, words[..., None])[..., 0].double()
    inside = torch.arange(words.shape[-1]) < lengths[..., None]
    return torch.where(inside, logs, 0.0).sum(-1)


def least_expected_error(candidates: Strings, weights: Tensor) -> Tensor:
    """Which of some strings has the least expected number of errors, if the truth is one of them.

    Args:
        candidates: Strings of n groups of K, those of the first group first.
        weights: Probability of each, up to a factor, shape (n, K).

    Returns:
        The place of the best in its group, the first of several, int64, shape (n,).

    Raises:
        ValueError: Weights of another number of strings.
    """
    n, k = weights.shape
    if len(candidates.lengths) != n * k:
        raise ValueError(
            f"weights: expected one for each of {len(candidates.lengths)} strings, got {n} · {k}"
        )
    own, other = torch.arange(k).repeat_interleave(k), torch.arange(k).repeat(k)
    found = torch.empty(n, dtype=torch.int64)
    # Groups of short strings are not padded to the longest of all.
    for groups in candidates.lengths.view(n, k).amax(1).argsort(stable=True).split(64):
        at = k * groups[:, None]
        one, two = (_chosen(candidates, (at + some).flatten()) for some in (own, other))
        errors = edit_distances(one, two).view(-1, k, k).double()
        found[groups] = (errors * weights[groups, None, :].double()).sum(-1).argmin(1)
    return found


def _chosen(strings: Strings, rows: Tensor) -> Strings:
    lengths = strings.lengths[rows]
    return Strings(strings.words[rows][:, : int(lengths.max())], lengths)
