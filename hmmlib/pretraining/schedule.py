"""The learning rate over a training: a rise, then a fall or a plateau."""

from __future__ import annotations

from typing import Literal

Schedule = Literal["linear", "constant"]


def learning_rate_factor(
    step: int, n_steps: int, *, warmup: int, schedule: Schedule, first_step_learns: bool
) -> float:
    """Learning rate at a step, as a share of the highest.

    Two conventions are in use for the rise. In the Trainer of Hugging Face, and so in the paper's tuning, it
    is ``step / warmup``: the first step changes nothing. In our pretraining it is ``(step + 1) / warmup``, by
    which the highest rate is reached one step earlier and every step learns.

    Args:
        step: Number of the step, from 0.
        n_steps: Steps in all.
        warmup: Steps over which the rate rises.
        schedule: After that it falls linearly to zero ('linear') or stays ('constant').
        first_step_learns: The second convention instead of the first.

    Returns:
        A number from 0 to 1.
    """
    if step < warmup:
        return (step + first_step_learns) / warmup
    if schedule == "constant":
        return 1.0
    return (n_steps - step) / max(1, n_steps - warmup)
