"""Hidden paths given a text: drawn from their posterior, how probable each is, and how uncertain all are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_integers, check_positive_int, check_tensor
from hmmlib._display import compact_repr
from hmmlib._random import sampling_generator
from hmmlib._texts import check_lengths, check_tokens
from hmmlib.hmm._evidence import check_evidence
from hmmlib.hmm.chain import Chain, Dynamics, LatentChainModel, chain_of
from hmmlib.hmm.entropies import entropy
from hmmlib.hmm.inference import posteriors
from hmmlib.hmm.markov import MarkovChain, check_steps

# Numbers of a step, rows · contents · states², that are worked on at a time.
_NUMBERS = 4_000_000


def sample_states(
    model: LatentChainModel | MarkovChain,
    evidence: Tensor,
    n: int,
    *,
    generator: int | torch.Generator,
    in_logs: bool = False,
    lengths: ArrayLike | None = None,
) -> Tensor:
    """Draw hidden paths given evidence: a forward pass, then states from the last to the first.

    The last state is drawn from its posterior. Each earlier one is drawn from what was known of it up to
    there, times the probability of the step to the state behind it (forward filtering, backward sampling).
    All is done in logarithms, so that nothing underflows.

    Example:
        >>> import torch
        >>> from hmmlib import HMM
        >>> from hmmlib.hmm import sample_states
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> seen = hmm.emission.T[torch.tensor([[0, 1, 0]])]
        >>> paths = sample_states(hmm, seen, 20_000, generator=0)
        >>> paths.shape
        torch.Size([20000, 1, 3])
        >>> round(float((paths == 0).double().mean(0)[0, 1]), 2)
        0.57

    Args:
        model: HMM, memory-augmented HMM, or Markov chain.
        evidence: As for `posteriors_from_evidence`, shape (batch, time, E), for tokens
            ``emission.T[tokens]``.
        n: Number of paths of each sequence, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device.
        in_logs: `evidence` holds logarithms; −inf is the logarithm of 0.
        lengths: Length of each sequence, 1 … time, shape (batch,); all of them `time` by default.

    Returns:
        Flat states, int64, shape (n, batch, time); for a memory-augmented HMM content·C + chain state, with C
        chain states. −1 beyond the end of a sequence.

    Raises:
        TypeError: The evidence is not a tensor of real numbers, a size or a length is not an integer.
        ValueError: Wrong shapes, an empty batch, a negative or non-finite entry, or evidence that is
            impossible; the message names the sequence and the position.
    """
    dynamics = model.dynamics if isinstance(model, MarkovChain) else chain_of(model).dynamics
    n = check_positive_int(n, "n")
    check_tensor(evidence, "evidence")
    found = check_evidence(evidence.detach(), dynamics.n_columns, lengths, dynamics.initial, in_logs=in_logs)
    logs = found.values.log() if found.logs is None else found.logs  # (B, T, E)
    batch, time, _ = logs.shape
    check_steps(dynamics.transition, time)
    random = sampling_generator(generator, logs.device)
    contents, size = dynamics.initial.shape
    paths = torch.empty(n, batch, time, dtype=torch.int64, device=logs.device)
    rows = max(1, _NUMBERS // (contents * size**2))
    for start in range(0, batch, rows):
        some = slice(start, start + rows)
        paths[:, some] = _draw(dynamics, logs[some], n, random, start)
    ends = check_lengths(lengths, (batch, time), logs.device)
    if ends is not None:
        paths.masked_fill_(torch.arange(time, device=logs.device) >= ends[:, None], -1)
    return paths


def _draw(dynamics: Dynamics, logs: Tensor, n: int, random: torch.Generator, first_row: int) -> Tensor:
    """Paths (n, B, T) given log-evidence (B, T, E)."""
    size = dynamics.initial.shape[1]
    batch, time, _ = logs.shape
    moves = dynamics.transition.log()  # (C, C) or (T − 1, C, C)
    filtered = _filtered(dynamics, logs, first_row)
    paths = torch.empty(n, batch, time, dtype=torch.int64, device=logs.device)
    state = _choose(filtered[-1].reshape(batch, -1).expand(n, -1, -1), random)  # (n, B)
    paths[..., -1] = state
    row = torch.arange(batch, device=logs.device)
    for t in range(time - 2, -1, -1):
        move = moves if moves.ndim == 2 else moves[t]
        content, inner = state // size, state % size
        state = content * size + _choose(filtered[t][row, content] + move.T[inner], random)
        paths[..., t] = state
    return paths


def _filtered(dynamics: Dynamics, logs: Tensor, first_row: int) -> list[Tensor]:
    """Log P[state, evidence up to there], T × (B, K, C), given log-evidence (B, T, E)."""
    columns = dynamics.columns.reshape(-1)
    contents, size = dynamics.initial.shape
    batch, time, _ = logs.shape
    moves = dynamics.transition.log()  # (C, C) or (T − 1, C, C)
    ahead = dynamics.initial.log().expand(batch, contents, size)  # log P[state, evidence before], (B, K, C)
    filtered = []
    for t in range(time):
        joint = ahead + logs[:, t, columns].view(batch, contents, size)
        dark = (joint.amax((1, 2)) == -torch.inf).nonzero()
        if len(dark):
            raise ValueError(
                f"evidence: sequence {first_row + int(dark[0])}, position {t}: the evidence is impossible "
                "after what precedes it"
            )
        filtered.append(joint)
        if t + 1 < time:
            move = moves if moves.ndim == 2 else moves[t]
            ahead = (joint[..., None] + move).logsumexp(-2)
    return filtered


def _choose(logs: Tensor, random: torch.Generator) -> Tensor:
    """Draw along the last axis with probabilities proportional to exp(logs), by Gumbel noise."""
    waiting = torch.empty_like(logs).exponential_(generator=random)
    return (logs - waiting.log()).argmax(-1)


class PathSample(NamedTuple):
    """Hidden paths drawn from their posterior, each with its probability.

    Attributes:
        states: Flat states, int64, shape (batch, n_paths, time).
        log_probs: log P[path | text], nats, double precision, shape (batch, n_paths).
    """

    states: Tensor
    log_probs: Tensor

    def __repr__(self) -> str:
        return compact_repr(self)


def sample_paths(
    model: LatentChainModel,
    tokens: ArrayLike,
    n_paths: int = 1,
    *,
    generator: int | torch.Generator,
) -> PathSample:
    """Draw hidden paths of texts from P[h | x], with their exact probabilities.

    The paths are those of `sample_states`, given tokens in place of evidence.

    Example:
        >>> from hmmlib import HMM
        >>> from hmmlib.hmm import path_entropy, sample_paths
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> found = sample_paths(hmm, [[0, 1, 0]], 20_000, generator=0)
        >>> found.states.shape
        torch.Size([1, 20000, 3])
        >>> round(-float(found.log_probs.mean()), 2), round(float(path_entropy(hmm, [[0, 1, 0]])[0]), 2)
        (1.34, 1.34)

    Args:
        model: HMM or memory-augmented HMM.
        tokens: Texts x without blanks, integers 0 … V − 1, shape (batch, time).
        n_paths: Number of paths of each text, ≥ 1.
        generator: Seed, or a torch.Generator on the model's device.

    Returns:
        The paths, in flat states (for a memory-augmented HMM content·C + chain state, with C chain states),
        and log P[h | x] of each, as exact as the model's number type.

    Raises:
        TypeError: Not a model, tokens or a number that are not integers, or another generator.
        ValueError: Wrong shapes, an empty batch, a token out of range, fewer than one path, or a text that
            the model cannot produce; the message names the sequence and the position.
    """
    chain, text, likelihood = _checked(model, tokens)
    n_paths = check_positive_int(n_paths, "n_paths")
    found = sample_states(model, chain.emission.T[text], n_paths, generator=generator)
    states = found.transpose(0, 1).contiguous()
    return PathSample(states, _joint(chain, text, states) - likelihood[:, None])


def path_log_probs(model: LatentChainModel, tokens: ArrayLike, states: ArrayLike) -> Tensor:
    """Log P[h | x] of given hidden paths of texts.

    Example:
        >>> from hmmlib import HMM
        >>> from hmmlib.hmm import path_log_probs
        >>> hmm = HMM([0.5, 0.5], [[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
        >>> path_log_probs(hmm, [[0, 1]], [[[0, 0], [1, 0], [0, 1]]]).exp()
        tensor([[0.5000, 0.2500, 0.0000]], dtype=torch.float64)

    Args:
        model: HMM or memory-augmented HMM.
        tokens: Texts x without blanks, integers 0 … V − 1, shape (batch, time).
        states: Paths h, flat states 0 … H − 1, shape (batch, …, time): any number of them for each text.

    Returns:
        Nats, double precision, as exact as the model's number type, shape (batch, …); −inf where a path is
        impossible.

    Raises:
        TypeError: Not a model, or tokens or states that are not integers.
        ValueError: Wrong shapes, an empty batch, a token or state out of range, or a text that the model
            cannot produce; the message names the sequence and the position.
    """
    chain, text, likelihood = _checked(model, tokens)
    batch, time = text.shape
    paths = check_integers(as_tensor(states, "states", "integers of shape (batch, …, time)"), "states")
    if paths.ndim < 2 or (paths.shape[0], paths.shape[-1]) != (batch, time):
        raise ValueError(f"states: expected shape ({batch}, …, {time}), got {tuple(paths.shape)}")
    wrong = ((paths < 0) | (paths >= chain.n_states)).nonzero()
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        raise ValueError(
            f"states: sequence {where[0]}, position {where[-1]} holds {int(paths[where])}; expected 0 … "
            f"{chain.n_states - 1}"
        )
    joint = _joint(chain, text, paths.to(text.device).reshape(batch, -1, time))
    return (joint - likelihood[:, None]).view(paths.shape[:-1])


def path_entropy(model: LatentChainModel, tokens: ArrayLike) -> Tensor:
    """Entropy of the hidden path given the text, H[h | x] for each text x.

    It is exact: H[h_T | x] + Σ_t Σ_k P[h_{t+1} = k | x] · H[h_t | h_{t+1} = k, x_0, …, x_t], for given the
    state behind it a state depends on no later token. The mean of −log P[h | x] over drawn paths comes near.

    Example:
        >>> from hmmlib import HMM
        >>> from hmmlib.hmm import path_entropy
        >>> coins = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [1.0, 0.0]])
        >>> round(float(path_entropy(coins, [[0, 0, 0]])[0].exp()), 6)  # eight paths, all as probable
        8.0

    Args:
        model: HMM or memory-augmented HMM.
        tokens: Texts x without blanks, integers 0 … V − 1, shape (batch, time).

    Returns:
        Nats, double precision, as exact as the model's number type, shape (batch,).

    Raises:
        TypeError: Not a model, or tokens that are not integers.
        ValueError: Wrong shapes, an empty batch, a token out of range, or a text that the model cannot
            produce; the message names the sequence and the position.
    """
    chain, text, _ = _checked(model, tokens)
    moves = chain.transition.log()  # (C, C)
    return torch.cat(
        [_entropy(_filtered(chain.dynamics, logs, 0), moves) for logs in _log_evidence(chain, text)]
    )


def _checked(model: LatentChainModel, tokens: ArrayLike) -> tuple[Chain, Tensor, Tensor]:
    """The model's chain, the texts, and log P[x] of each, (B,); all of them can be produced."""
    chain = chain_of(model)
    text = check_tokens(tokens, chain.n_tokens, advice="").to(chain.initial.device)
    return chain, text, posteriors(model, text, keep=()).log_likelihood.double()


def _log_evidence(chain: Chain, text: Tensor) -> Iterator[Tensor]:
    """Log-evidence of some of the texts at a time, (some, T, E)."""
    contents, size = chain.initial.shape
    table = chain.emission.T.log()
    for some in text.split(max(1, _NUMBERS // (contents * size**2))):
        yield table[some]


def _joint(chain: Chain, text: Tensor, paths: Tensor) -> Tensor:
    """Log P[h, x] of paths (B, n, T), (B, n)."""
    size = chain.initial.shape[1]
    content, inner = paths // size, paths % size
    first = chain.initial.double().log()[content[..., 0], inner[..., 0]]  # (B, n)
    steps = chain.transition.double().log()[inner[..., :-1], inner[..., 1:]]  # (B, n, T − 1)
    seen = chain.emission.double().log()[chain.columns[content, inner], text[:, None]]  # (B, n, T)
    found = first + steps.sum(-1) + seen.sum(-1)
    # What the memory holds never changes.
    return found.masked_fill((content != content[..., :1]).any(-1), -torch.inf)


def _entropy(filtered: list[Tensor], moves: Tensor) -> Tensor:
    """Entropy (B,) of the paths that `_draw` draws."""
    flat = filtered[-1].flatten(1)
    last = flat.softmax(1)
    state, found = last.view_as(filtered[-1]).double(), entropy(last.double())  # P[state | x], (B, K, C)
    for joint in filtered[-2::-1]:
        before = (joint[..., None] + moves).double().transpose(-1, -2)  # (B, K, next state, state)
        # A state that nothing leads to has no state before it, and probability 0.
        law = before.softmax(-1).nan_to_num(0.0)
        found = found + (state * entropy(law)).sum((1, 2))
        state = (state[..., None] * law).sum(-2)
    return found
