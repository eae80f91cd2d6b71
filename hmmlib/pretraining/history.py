"""What was measured on the way of a pretraining."""

from __future__ import annotations

from dataclasses import dataclass, field

from hmmlib._display import card, listing


@dataclass(frozen=True)
class Measurement:
    """The model on held-out text, at one time.

    Attributes:
        step: Steps taken so far.
        tokens: Tokens in their batches.
        seconds: Wall time of training so far, measurements not counted.
        train_loss: Mean cross-entropy of the batches since the last measurement, nats; None at the start.
        cross_entropy: On held-out text, nats.
        kl: Mean KL(exact ‖ model) there, nats.
        total_variation: Mean total variation distance there.
    """

    step: int
    tokens: int
    seconds: float
    train_loss: float | None
    cross_entropy: float
    kl: float
    total_variation: float


@dataclass
class History:
    """All measurements of a pretraining.

    Attributes:
        exact_cross_entropy: Cross-entropy of the exact model on the held-out text, nats.
        measurements: In the order of time.
    """

    exact_cross_entropy: float
    measurements: list[Measurement] = field(default_factory=list)

    def column(self, name: str) -> list[float]:
        """One quantity over time.

        Args:
            name: An attribute of `Measurement`, not 'train_loss'.

        Returns:
            Its values.
        """
        return [getattr(measurement, name) for measurement in self.measurements]

    @property
    def last(self) -> Measurement:
        """The last measurement."""
        return self.measurements[-1]

    def __repr__(self) -> str:
        return (
            f"History(exact_cross_entropy={self.exact_cross_entropy:.4g}, "
            f"measurements={len(self.measurements)})"
        )

    def _repr_html_(self) -> str:
        names = ("step", "seconds", "train_loss", "cross_entropy", "kl", "total_variation")
        rows = [[getattr(measurement, name) for name in names] for measurement in self.measurements]
        return card(repr(self), listing(names, rows))
