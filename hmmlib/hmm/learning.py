"""What parameters are learnt from by gradients: the log-likelihood of evidence.

It rests on one identity (Fisher's): the derivative of log P[x] is the expectation, over the hidden states
given x, of the derivative of log P[x, states]. So the derivative by a transition probability is the expected
number of such transitions, divided by that probability, and no recursion needs to be differentiated.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hmmlib._checks import ArrayLike
from hmmlib._precision import exact_products
from hmmlib.hmm._batches import raise_impossible
from hmmlib.hmm._evidence import check_evidence, positions_read
from hmmlib.hmm._forward_backward import forward_backward
from hmmlib.hmm._pairs import pair_sums
from hmmlib.hmm._sweeps import Scratch
from hmmlib.hmm.markov import check_steps


def log_likelihood(
    initial: Tensor,
    transition: Tensor,
    evidence: Tensor,
    lengths: ArrayLike | None = None,
    *,
    in_logs: bool = False,
) -> Tensor:
    """Log P[evidence], differentiable once in all three: to train an HMM, or what its parameters come from.

    The value is the logarithm of the sum, over all paths of hidden states, of initial · transitions ·
    evidence. Parameters need not be normalised, so that the same sum serves other chains of non-negative
    weights. Memory grows with batch · time · H and with H² only.

    Example:
        >>> import torch
        >>> from hmmlib.hmm import log_likelihood
        >>> initial = torch.tensor([0.5, 0.5], dtype=torch.float64)
        >>> transition = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64, requires_grad=True)
        >>> evidence = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)  # state 0, then 1
        >>> found = log_likelihood(initial, transition, evidence)
        >>> bool(torch.isclose(found.exp(), 0.5 * transition[0, 1]))
        True
        >>> found.sum().backward()
        >>> expected_transitions = transition.grad * transition.detach()
        >>> [[round(count, 12) for count in row] for row in expected_transitions.tolist()]
        [[0.0, 1.0], [0.0, 0.0]]

    Args:
        initial: P[first state], shape (H,).
        transition: P[next state | state], ``transition[from, to]``, shape (H, H); or one such matrix for each
            step, shape (time − 1, H, H).
        evidence: For each position and state the probability, or density, of what is seen there: ≥ 0, shape
            (batch, time, H). ``emission.T[tokens]`` for tokens.
        lengths: Length of each text, 1 … time, shape (batch,); all of them `time` by default.
        in_logs: `evidence` holds logarithms, as densities had better do; −inf is the logarithm of 0.

    Returns:
        log P in nats, shape (batch,), in the widest number type of the three.

    Raises:
        TypeError: An argument is not a tensor of real numbers.
        ValueError: Wrong shapes, tensors on different devices, an empty batch, a negative or non-finite
            entry, a row of `transition` without a positive entry, or evidence that is impossible; the message
            names the sequence and the position.
    """
    dtype = _float_type({"initial": initial, "transition": transition, "evidence": evidence})
    first, table = initial.to(dtype), transition.to(dtype)
    _check_weights(first, table)
    found = check_evidence(evidence, first.numel(), lengths, first, in_logs=in_logs, scaled=True)
    batch, time, _ = found.values.shape
    check_steps(table, time)
    inside = positions_read((batch, time), None, lengths, first.device)
    if inside is None:
        inside = torch.ones(batch, time, dtype=torch.bool, device=first.device)
    assert found.log_scale is not None
    seen = found.values if found.logs is None else found.logs
    likelihood: Tensor = _LogLikelihood.apply(first, table, seen, inside.T, in_logs)
    return likelihood + found.log_scale


class _LogLikelihood(torch.autograd.Function):
    """log P[evidence]; backward, expected counts over parameters."""

    @staticmethod
    def forward(
        ctx: Any, initial: Tensor, transition: Tensor, seen: Tensor, inside: Tensor, in_logs: bool
    ) -> Tensor:
        # Row sums go into the evidence: the end of a text then does not matter to what precedes it.
        total, sums = initial.sum(), transition.sum(-1)  # (), (H,) or (T − 1, H)
        goes_on = torch.zeros_like(inside[..., None])  # (T, B, 1)
        goes_on[:-1, :, 0] = inside[1:]
        if sums.ndim == 2:
            sums_at = torch.cat([sums, sums.new_ones(1, len(initial))])  # (T, H)
        else:
            sums_at = sums.expand(len(inside), -1)  # (T, H)
        leaving = torch.where(goes_on, sums_at[:, None], 1.0)  # (T, B, H)
        given = seen.transpose(0, 1)  # (T, B, H)
        logs = given + leaving.log() if in_logs else None
        weights = logs if logs is not None else given * leaving  # (T, B, H)
        largest = weights.amax(-1, keepdim=True)  # (T, B, 1)
        if logs is not None:
            logs = logs - largest
            evidence, scale = logs.exp(), largest[..., 0]
        else:
            evidence, scale = weights / largest, largest[..., 0].log()
        start = (initial / total).expand(given.shape[1:]).contiguous()  # (B, H)
        distribution = transition / sums[..., None]
        grads = any(ctx.needs_input_grad)
        wanted = ("filtered", "smoothed", "likelihood_ratio", "slope") if grads else ("smoothed",)
        scratch = Scratch() if evidence.device.type == "cpu" else None
        with exact_products(evidence.device):
            found = forward_backward(start, distribution, evidence, wanted, scratch, logs)
        step = torch.where(inside, found.log_step, 0.0)  # (T, B)
        if bool((step.sum(0) == -torch.inf).any()):
            raise_impossible(
                step[..., None],
                step.new_zeros(1),
                0,
                lambda row, position: f"evidence: sequence {row}, position {position}: the evidence",
            )
        if grads:
            tables = (found.tables[kind] / found.totals[kind][..., None] for kind in wanted)
            moves = goes_on[:-1, :, 0]  # (T − 1, B)
            ctx.save_for_backward(
                *tables, start, distribution, evidence, leaving, largest, moves, total, sums
            )
            ctx.logs, ctx.inside = logs, inside
        return (step + torch.where(inside, scale, 0.0)).sum(0) + total.log()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        filtered, smoothed, ratio, slope, start, distribution, *rest = ctx.saved_tensors
        evidence, leaving, largest, moves, total, sums = rest
        to_initial = to_transition = to_seen = None
        with exact_products(weights.device):
            if ctx.needs_input_grad[0]:
                to_initial = weights @ ratio[0] / total  # (H,)
            if ctx.needs_input_grad[1]:
                pairs = pair_sums(
                    start, distribution, evidence, ctx.logs, filtered, ratio, moves * weights, expected=False
                )
                to_transition = pairs / sums[..., None]  # (H, H) or (T − 1, H, H)
            if ctx.needs_input_grad[2]:
                own = smoothed if ctx.logs is not None else slope * leaving / largest  # (T, B, H)
                # Beyond the end nothing is seen.
                to_seen = torch.where(ctx.inside[..., None], own * weights[:, None], 0.0).transpose(0, 1)
        return to_initial, to_transition, to_seen, None, None


def _float_type(arguments: dict[str, Tensor]) -> torch.dtype:
    """The widest type of the arguments, all of them real numbers on one device."""
    found = torch.float32
    first = next(iter(arguments.values()))
    for name, values in arguments.items():
        if not isinstance(values, Tensor) or not values.is_floating_point():
            kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
            raise TypeError(f"{name}: expected a tensor of real numbers, got {kind}")
        if values.device != first.device:
            raise ValueError(f"{name}: expected a tensor on {first.device}, got one on {values.device}")
        found = torch.promote_types(found, values.dtype)
    return found


def _check_weights(initial: Tensor, transition: Tensor) -> None:
    """Raise unless these are non-negative weights of a chain."""
    if initial.ndim != 1 or initial.numel() == 0:
        raise ValueError(f"initial: expected shape (n_states,), got {tuple(initial.shape)}")
    size = initial.numel()
    if transition.ndim not in (2, 3) or transition.shape[-2:] != (size, size):
        raise ValueError(
            f"transition: expected shape ({size}, {size}) or (time - 1, {size}, {size}), as initial has "
            f"{size} states, got {tuple(transition.shape)}"
        )
    for name, table in (("initial", initial.detach()), ("transition", transition.detach())):
        axes = (["step", "row"] if table.ndim == 3 else ["row"])[: table.ndim - 1]
        bad = ~torch.isfinite(table) | (table < 0)
        if bad.any():
            where = tuple(int(i) for i in bad.nonzero()[0])
            place = "".join(f"{axis} {i}, " for axis, i in zip(axes, where[:-1], strict=True))
            raise ValueError(
                f"{name}: {place}entry {where[-1]} is {float(table[where]):g}; expected a finite number >= 0"
            )
        dark = (table.amax(-1) == 0).reshape(table.shape[:-1])
        if dark.any():
            where = tuple(int(i) for i in dark.nonzero()[0])
            place = ", ".join(f"{axis} {i}" for axis, i in zip(axes, where, strict=True))
            raise ValueError(f"{name}: {place or 'it'} is zero; expected at least one positive entry")
