"""Number types of products: what torch may not lower."""

from __future__ import annotations

import torch


def exact_products(device: torch.device) -> torch.autocast:
    """Keep products in the number type of their factors, also where a caller lets torch lower it.

    Args:
        device: Where the products are computed.

    Returns:
        A context.
    """
    return torch.autocast(device.type, enabled=False)
