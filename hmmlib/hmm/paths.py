"""Hidden paths drawn from their posterior: what remains possible of a text's states, in samples."""

from __future__ import annotations

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int, check_tensor
from hmmlib._random import sampling_generator
from hmmlib._texts import check_lengths
from hmmlib.hmm._evidence import check_evidence
from hmmlib.hmm.chain import Dynamics, LatentChainModel, chain_of
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
    columns = dynamics.columns.reshape(-1)
    contents, size = dynamics.initial.shape
    batch, time, _ = logs.shape
    moves = dynamics.transition.log()  # (C, C) or (T − 1, C, C)
    ahead = dynamics.initial.log().expand(batch, contents, size)  # log P[state, evidence before], (B, K, C)
    filtered = []  # log P[state, evidence up to there], T × (B, K, C)
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


def _choose(logs: Tensor, random: torch.Generator) -> Tensor:
    """Draw along the last axis with probabilities proportional to exp(logs), by Gumbel noise."""
    waiting = torch.empty_like(logs).exponential_(generator=random)
    return (logs - waiting.log()).argmax(-1)
