"""How numbers are written in figures."""

from __future__ import annotations

# Below this a KL is rounding noise, and a logarithmic axis has no room for it.
LEAST_KL = 1e-6


def short(value: float) -> str:
    """A divergence in nats as it is written beside a bar."""
    if value < 5e-5:
        return "< 0.0001"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
