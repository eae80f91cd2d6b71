"""Words spoken as vectors by an HMM: the probability of every string, given what is heard, is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_fraction, check_positive, check_positive_int
from hmmlib._random import drawing_generator, sampling_generator
from hmmlib.densities import GaussianMixtureEmissions
from hmmlib.hmm import MarkovChain, posteriors_from_evidence, sample_states
from hmmlib.transduction.beams import least_expected_error
from hmmlib.transduction.errors import Strings
from hmmlib.transduction.model import Utterances, as_pairs, as_utterances


@dataclass(frozen=True, eq=False)
class SpokenWords:
    """V words, each of two states from left to right; no word follows itself.

    State 2w + p is phase p of word w. From a phase the chain goes on with probability 1 − stay; behind the
    second one the utterance ends with probability `end`, or another word follows.

    Attributes:
        first: P[first word], shape (V,).
        bigram: P[next word | word], zero on the diagonal, shape (V, V).
        means: Mean vector of each state, shape (2V, D); variances are one.
        stay: Probability to stay in a state.
        end: Probability that the utterance ends behind a word.
    """

    first: Tensor
    bigram: Tensor
    means: Tensor
    stay: float
    end: float

    @property
    def n_words(self) -> int:
        """Number V of words."""
        return len(self.first)

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return self.means.shape[1]

    @cached_property
    def emissions(self) -> GaussianMixtureEmissions:
        """The densities of the 2V states."""
        return GaussianMixtureEmissions(
            torch.ones(len(self.means), 1), self.means[:, None], torch.ones(len(self.means), 1, self.dim)
        )

    @cached_property
    def exits(self) -> Tensor:
        """Probability that the utterance ends behind each state, shape (2V,)."""
        found = torch.zeros(len(self.means), dtype=torch.float64)
        found[1::2] = (1 - self.stay) * self.end
        return found

    @cached_property
    def chain(self) -> MarkovChain:
        """The states of an utterance that goes on."""
        size = len(self.means)
        moves = self.stay * torch.eye(size, dtype=torch.float64)
        moves[range(0, size, 2), range(1, size, 2)] = 1 - self.stay
        moves[1::2, 0::2] += (1 - self.stay) * (1 - self.end) * self.bigram
        first = torch.zeros(size, dtype=torch.float64)
        first[0::2] = self.first
        return MarkovChain(first, moves / moves.sum(1, keepdim=True))

    def sample(self, batch: int, *, generator: int | torch.Generator) -> tuple[Utterances, Strings]:
        """Draw utterances and what was said.

        Args:
            batch: Number of utterances, ≥ 1.
            generator: Seed or torch.Generator.

        Returns:
            Vectors, zero beyond the ends, and strings.

        Raises:
            TypeError: The number is not an integer.
            ValueError: It is below 1.
        """
        batch = check_positive_int(batch, "batch")
        random = sampling_generator(generator, torch.device("cpu"))
        states: list[list[int]] = []
        strings: list[list[int]] = []
        for _ in range(batch):
            path, words = self._utterance(random)
            states.append(path)
            strings.append(words)
        frames = torch.tensor([len(path) for path in states])
        padded = torch.zeros(batch, int(frames.max()), dtype=torch.int64)
        padded[torch.arange(padded.shape[1]) < frames[:, None]] = torch.tensor([s for p in states for s in p])
        x = self.emissions.sample(padded, generator=random)
        x[torch.arange(padded.shape[1]) >= frames[:, None]] = 0.0
        return Utterances(x, frames), _strings(strings)

    def _utterance(self, random: torch.Generator) -> tuple[list[int], list[int]]:
        """States of one utterance, and its words."""
        path: list[int] = []
        words: list[int] = []
        share = self.first
        while True:
            word = int(torch.multinomial(share, 1, generator=random))
            words.append(word)
            for state in (2 * word, 2 * word + 1):
                path.append(state)
                while float(torch.rand((), generator=random)) < self.stay:
                    path.append(state)
            if float(torch.rand((), generator=random)) < self.end:
                return path, words
            share = self.bigram[word]

    def _evidence(self, heard: Utterances) -> Tensor:
        """Log-densities, with what ends an utterance and what does not in them, (n, T, 2V)."""
        logs = self.emissions.log_prob(heard.x)
        time = torch.arange(heard.x.shape[1])
        ends = time == heard.frames[:, None] - 1
        return logs + torch.where(ends[..., None], self.exits.log(), (1 - self.exits).log())

    def log_evidence(self, heard: Utterances) -> Tensor:
        """Log-density of what is heard, whatever was said.

        Args:
            heard: The utterances.

        Returns:
            Nats, shape (n,).

        Raises:
            TypeError: Not real numbers, or lengths that are not integers.
            ValueError: A wrong shape, no utterance, an empty one, or an entry that is not finite.
        """
        checked = as_utterances(heard, self.dim)
        logs = self._evidence(checked)
        found = posteriors_from_evidence(self.chain, logs, in_logs=True, lengths=checked.frames, keep=())
        return found.log_likelihood

    def log_joint(self, heard: Utterances, said: Strings) -> Tensor:
        """Log-density of what is heard together with a string: a forward pass along the string's own states.

        Args:
            heard: n utterances.
            said: n strings.

        Returns:
            Nats, shape (n,); −inf for the empty string, and for one too long for its utterance.

        Raises:
            TypeError: Not real numbers, or words or lengths that are not integers.
            ValueError: A wrong shape, an entry that is not finite, or a word out of range.
        """
        checked, strings = as_pairs(heard, said, self.dim, self.n_words)
        n, longest = strings.words.shape
        if longest == 0:
            return torch.full((n,), -torch.inf, dtype=torch.float64)
        inside = torch.arange(longest) < strings.lengths[:, None]
        words = torch.where(inside, strings.words, 0)
        states = torch.stack([2 * words, 2 * words + 1], -1).flatten(1)  # (n, 2U)
        densities = self.emissions.log_prob(checked.x)  # (n, T, 2V)
        seen = densities.gather(2, states[:, None].expand(-1, densities.shape[1], -1))
        goes_on = torch.log(torch.tensor(1 - self.stay, dtype=torch.float64))
        follows = (self.bigram[words[:, :-1], words[:, 1:]] * (1 - self.end)).log()  # (n, U − 1)
        step = torch.full(states[:, 1:].shape, float(goes_on), dtype=torch.float64)
        step[:, 1::2] += follows
        stays = float(np.log(self.stay))
        row = torch.full(states.shape, -torch.inf, dtype=torch.float64)
        row[:, 0] = self.first[words[:, 0]].log()
        row = row + seen[:, 0]
        rows = [row]
        for t in range(1, seen.shape[1]):
            moved = torch.nn.functional.pad(row[:, :-1] + step, (1, 0), value=-torch.inf)
            row = torch.logaddexp(row + stays, moved) + seen[:, t]
            rows.append(row)
        last = torch.stack(rows, 1)[torch.arange(n), checked.frames - 1]  # (n, 2U)
        place = (2 * strings.lengths - 1).clamp(min=0)
        total = last[torch.arange(n), place] + goes_on + float(np.log(self.end))
        return torch.where(strings.lengths > 0, total, -torch.inf)

    def sample_strings(self, heard: Utterances, n: int, *, generator: int | torch.Generator) -> Strings:
        """Draw strings from their exact posterior.

        Args:
            heard: The utterances.
            n: Number of strings of each, ≥ 1.
            generator: Seed or torch.Generator.

        Returns:
            Strings, those of the first utterance first.

        Raises:
            TypeError: Not real numbers, or sizes or lengths that are not integers.
            ValueError: A wrong shape, no utterance, an empty one, or an entry that is not finite.
        """
        checked = as_utterances(heard, self.dim)
        logs = self._evidence(checked)
        paths = sample_states(self.chain, logs, n, generator=generator, in_logs=True, lengths=checked.frames)
        ends = enumerate(checked.frames.tolist())
        return _strings([_spoken(path, end) for i, end in ends for path in paths[:, i].tolist()])

    def most_probable_path(self, heard: Utterances) -> Strings:
        """The string of the most probable path of states (Viterbi).

        Args:
            heard: The utterances.

        Returns:
            One string for each.

        Raises:
            TypeError: Not real numbers, or lengths that are not integers.
            ValueError: A wrong shape, no utterance, an empty one, or an entry that is not finite.
        """
        checked = as_utterances(heard, self.dim)
        logs, moves = self._evidence(checked), self.chain.transition.log()
        best = self.chain.initial.log() + logs[:, 0]
        heights, came = [best], []
        for t in range(1, logs.shape[1]):
            options = best[:, :, None] + moves  # (n, from, to)
            top, where = options.max(1)
            best = top + logs[:, t]
            heights.append(best)
            came.append(where)
        strings = []
        for i, k in enumerate(checked.frames.tolist()):
            path = [int(heights[k - 1][i].argmax())]
            for t in range(k - 1, 0, -1):
                path.append(int(came[t - 1][i, path[-1]]))
            strings.append(_spoken(path[::-1], k))
        return _strings(strings)

    def bayes_strings(self, heard: Utterances, *, generator: int | torch.Generator, n: int = 48) -> Strings:
        """Strings of nearly the least expected number of errors: the best of a sample of the posterior.

        Args:
            heard: The utterances.
            generator: Seed or torch.Generator.
            n: Size of the sample, which stands for the posterior too.

        Returns:
            One string for each.

        Raises:
            TypeError: Not real numbers, or sizes or lengths that are not integers.
            ValueError: A wrong shape, no utterance, an empty one, or an entry that is not finite.
        """
        drawn = self.sample_strings(heard, n, generator=generator)
        utterances = len(drawn.lengths) // n
        best = least_expected_error(drawn, torch.ones(utterances, n)) + n * torch.arange(utterances)
        return Strings(drawn.words[best], drawn.lengths[best])


def random_spoken_words(
    n_words: int = 8,
    *,
    generator: int | np.random.RandomState,
    dim: int = 3,
    scale: float = 1.1,
    stay: float = 0.6,
    end: float = 0.22,
) -> SpokenWords:
    """Draw a world of spoken words.

    Args:
        n_words: Number V of words, ≥ 2.
        generator: Seed or numpy RandomState.
        dim: Length D of a vector.
        scale: Standard deviation of the states' means, > 0; the smaller, the more alike words sound.
        stay: Probability to stay in a state, in (0, 1).
        end: Probability that the utterance ends behind a word, in (0, 1].

    Returns:
        The world. Rows of the bigram are uneven (Dirichlet, 0.3); first words are uniform.

    Raises:
        TypeError: A size is not an integer, or a parameter not a number.
        ValueError: A size or a parameter out of range.
    """
    n_words = check_positive_int(n_words, "n_words", 2)
    dim = check_positive_int(dim, "dim")
    scale = check_positive(scale, "scale")
    stay = check_fraction(stay, "stay", above_zero=True, below_one=True)
    end = check_fraction(end, "end", above_zero=True)
    random = drawing_generator(generator)
    bigram = np.zeros((n_words, n_words))
    for word in range(n_words):
        others = [other for other in range(n_words) if other != word]
        bigram[word, others] = random.dirichlet(np.full(n_words - 1, 0.3))
    means = scale * random.standard_normal((2 * n_words, dim))
    return SpokenWords(
        torch.full((n_words,), 1 / n_words, dtype=torch.float64),
        torch.from_numpy(bigram),
        torch.from_numpy(means),
        stay,
        end,
    )


def _spoken(path: list[int], frames: int) -> list[int]:
    """The words of a path of states: a new one wherever the word changes, as none follows itself."""
    words = [state // 2 for state in path[:frames]]
    return [word for i, word in enumerate(words) if i == 0 or word != words[i - 1]]


def _strings(lists: list[list[int]]) -> Strings:
    lengths = torch.tensor([len(one) for one in lists])
    words = torch.zeros(len(lists), int(lengths.max()), dtype=torch.int64)
    words[torch.arange(words.shape[1]) < lengths[:, None]] = torch.tensor([w for one in lists for w in one])
    return Strings(words, lengths)
