"""Evidence as it is given, checked and scaled: what inference and learning read."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_tensor
from hmmlib._texts import check_lengths, check_observed


class Evidence(NamedTuple):
    """Checked evidence; beyond each length it is no evidence, all ones.

    Attributes:
        values: ≥ 0, shape (batch, time, E).
        logs: Its logarithms, where they were given, shape (batch, time, E).
        log_scale: Logarithm of what was divided out of each sequence, shape (batch,); None if nothing was.
    """

    values: Tensor
    logs: Tensor | None
    log_scale: Tensor | None


def check_evidence(
    evidence: Tensor,
    size: int,
    lengths: ArrayLike | None,
    like: Tensor,
    *,
    in_logs: bool,
    scaled: bool = False,
) -> Evidence:
    """Check evidence and bring it to the type and device of the model.

    Args:
        evidence: Non-negative numbers, or their logarithms, shape (batch, time, size).
        size: Number E of entries of a row.
        lengths: Length of each sequence, shape (batch,), or None.
        like: A tensor of the model's type and device.
        in_logs: `evidence` holds logarithms; the largest of each row is then taken out.
        scaled: Divide each row by its largest entry also where `evidence` holds no logarithms.

    Returns:
        The evidence; it carries gradients if `evidence` does.

    Raises:
        TypeError: The evidence is not a tensor of real numbers.
        ValueError: A wrong shape, an empty batch, an entry that is no evidence, or a row without a positive
            entry; the message names the sequence and the position.
    """
    check_tensor(evidence, "evidence")
    if evidence.ndim != 3 or evidence.shape[-1] != size or 0 in evidence.shape:
        raise ValueError(f"evidence: expected shape (batch, time, {size}), got {tuple(evidence.shape)}")
    inside = positions_read((evidence.shape[0], evidence.shape[1]), None, lengths, evidence.device)
    if inside is not None:
        none = torch.zeros_like(evidence) if in_logs else torch.ones_like(evidence)
        evidence = torch.where(inside[..., None], evidence, none)
    converted = evidence.to(device=like.device, dtype=like.dtype)
    _check_entries(converted.detach(), evidence, in_logs)
    largest = converted.detach().amax(-1)  # (batch, time)
    dark = (largest == (-torch.inf if in_logs else 0)).nonzero()
    if len(dark):
        row, position = (int(i) for i in dark[0])
        zero, positive = ("-inf", "finite") if in_logs else ("zero", "positive")
        raise ValueError(
            f"evidence: sequence {row}, position {position} is {zero} for every state; expected at least one "
            f"{positive} entry"
        )
    if in_logs:
        logs = converted - largest[..., None]
        return Evidence(logs.exp(), logs, largest.sum(1))
    if scaled:
        return Evidence(converted / largest[..., None], None, largest.log().sum(1))
    return Evidence(converted, None, None)


def _check_entries(converted: Tensor, given: Tensor, in_logs: bool) -> None:
    """Raise unless every entry is evidence, or the logarithm of some."""
    least, most = converted.aminmax()  # NaN if there is one
    if bool((most < torch.inf) & (in_logs | (least >= 0))):
        return
    if in_logs:
        bad = converted.isnan() | (converted == torch.inf)
        expected = "a number below inf (-inf for no probability)"
    else:
        bad = ~torch.isfinite(converted) | (converted < 0)
        expected = "a finite number >= 0"
    if bad.any():
        row, position, entry = (int(i) for i in bad.nonzero()[0])
        raise ValueError(
            f"evidence: sequence {row}, position {position}, entry {entry} is "
            f"{float(given[row, position, entry]):g}; expected {expected} "
            f"that {str(converted.dtype).removeprefix('torch.')} holds"
        )


def positions_read(
    shape: tuple[int, int],
    observed: ArrayLike | None,
    lengths: ArrayLike | None,
    device: torch.device,
) -> Tensor | None:
    """Booleans (batch, time): observed and within the length; None for everywhere."""
    mask = check_observed(observed, shape, device)
    ends = check_lengths(lengths, shape, device)
    if ends is None:
        return mask
    inside = torch.arange(shape[1], device=device, dtype=torch.int64) < ends[:, None]
    return inside if mask is None else mask & inside
