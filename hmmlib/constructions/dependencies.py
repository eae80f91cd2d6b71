"""Which columns of an emission matrix depend on one another.

All the paper's assumptions on emissions are of one kind: certain columns of W take part in no linear
dependency. One singular value decomposition answers that for every column at once. If the rows of Z span
the null space of W, column c takes part in a dependency exactly when some null vector has an entry there,
Z[:, c] ≠ 0. Where it does not, row c of the pseudo-inverse W⁺ singles the column out: W⁺W is the projection
I − ZᵀZ onto the row space, so its row c is the unit vector e_c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import scipy
import torch
from torch import Tensor

from hmmlib._checks import check_number

RTOL = 1e-7
"""Singular values below this share of the largest count as zero.

Rounding errors of size 1e-16 grow by the ratio of singular values, so what is built from columns that pass
is accurate to about 1e-9.
"""


class Analysis(NamedTuple):
    """A matrix seen through its singular values.

    Attributes:
        inverse: Pseudo-inverse W⁺, shape (n_columns, n_rows).
        leak: How far each column takes part in dependencies, ‖Z[:, c]‖ in [0, 1], shape (n_columns,).
        rank: Number of singular values that count as non-zero.
    """

    inverse: Tensor
    leak: Tensor
    rank: int

    def free(self, rtol: float = RTOL) -> Tensor:
        """Which columns take part in no dependency.

        Args:
            rtol: The relative tolerance that the analysis was made with.

        Returns:
            Booleans, shape (n_columns,).
        """
        return self.leak <= leak_limit(rtol)


def leak_limit(rtol: float) -> float:
    """The largest deviation that rounding alone explains when singular values reach down to `rtol`.

    Args:
        rtol: Relative tolerance of the singular values.

    Returns:
        The limit.
    """
    return 1e-15 / rtol


def analyse(matrix: Tensor, rtol: float = RTOL) -> Analysis:
    """Pseudo-inverse, rank and dependencies of the columns of a matrix.

    Args:
        matrix: W, shape (n_rows, n_columns).
        rtol: Singular values below this share of the largest count as zero, in (0, 1).

    Returns:
        The analysis, in float64.

    Raises:
        ValueError: The tolerance is out of range.
    """
    if not 0 < check_number(rtol, "rtol") < 1:
        raise ValueError(f"rtol: expected 0 < rtol < 1, got {rtol}")
    left, sizes, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    rank = int((sizes > rtol * sizes[0]).sum())
    rows = right[:rank]
    inverse = rows.T @ (left[:, :rank] / sizes[:rank]).T
    # ‖Z[:, c]‖² = 1 − ‖rows[:, c]‖² loses half of the digits; the rows of I − rowsᵀrows keep them.
    projection = torch.eye(matrix.shape[1], dtype=rows.dtype, device=rows.device) - rows.T @ rows
    return Analysis(inverse, projection.norm(dim=1), rank)


class Dependency(NamedTuple):
    """A column written as a combination of independent others; leaving out any of them breaks it.

    Attributes:
        column: The column.
        combination: Coefficient of each of the others, none of them zero.
    """

    column: int
    combination: Mapping[int, float]

    def renamed(self, names: Sequence[int]) -> Dependency:
        """The same dependency where columns have other numbers.

        Args:
            names: The new number of each column.

        Returns:
            The dependency.
        """
        combination = {names[column]: factor for column, factor in self.combination.items()}
        return Dependency(names[self.column], combination)

    def vector(self, n_columns: int) -> Tensor:
        """The dependency as a null vector of the matrix.

        Args:
            n_columns: Number of columns of the matrix.

        Returns:
            v with Wv = 0, shape (n_columns,).
        """
        vector = torch.zeros(n_columns, dtype=torch.float64, device="cpu")
        vector[self.column] = 1.0
        for column, factor in self.combination.items():
            vector[column] = -factor
        return vector


def dependencies(matrix: Tensor, rtol: float = RTOL) -> list[Dependency]:
    """Dependencies among the columns; together their vectors span the null space.

    Args:
        matrix: W, shape (n_rows, n_columns).
        rtol: Relative tolerance, as for `analyse`.

    Returns:
        One dependency for each column that a basis of the others does not need, n_columns − rank of them.
    """
    # Pivoting puts a basis first: the columns that are farthest from those before them.
    rank = analyse(matrix, rtol).rank
    _, upper, order = scipy.linalg.qr(matrix.detach().cpu().double().numpy(), mode="economic", pivoting=True)
    factors = scipy.linalg.solve_triangular(upper[:rank, :rank], upper[:rank, rank:])
    found = []
    for index, column in enumerate(order[rank:]):
        weights = factors[:, index]
        kept = abs(weights) > leak_limit(rtol) * max(1.0, abs(weights).max(initial=0.0))
        # By column, since of two that are equally far rounding decides which is taken first.
        combination = dict(sorted((int(order[i]), float(weights[i])) for i in range(rank) if kept[i]))
        found.append(Dependency(int(column), combination))
    return found
