"""Which columns depend on which, against ranks computed from the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hmmlib.constructions import Dependency
from hmmlib.constructions.dependencies import analyse, dependencies

SEEDS = st.integers(0, 10_000)


def planted(seed: int) -> tuple[torch.Tensor, set[int]]:
    """Distributions as columns, and which of them are in some dependency: the columns of one mixture."""
    random = np.random.default_rng(seed)
    n_rows, n_free, n_base = (
        int(random.integers(4, 9)),
        int(random.integers(0, 3)),
        int(random.integers(1, 3)),
    )
    base = random.dirichlet(np.ones(n_rows), n_base)
    mixed = random.dirichlet(np.ones(n_base), n_base + int(random.integers(1, 4))) @ base
    columns = np.concatenate([mixed, random.dirichlet(np.ones(n_rows), n_free)])
    order = random.permutation(len(columns))
    dependent = {int(i) for i in range(len(columns)) if order[i] < len(mixed)}
    return torch.tensor(columns[order].T), dependent


def in_span_of_the_others(matrix: torch.Tensor, column: int) -> bool:
    others = np.delete(matrix.numpy(), column, 1)
    return np.linalg.matrix_rank(others, tol=1e-9) == np.linalg.matrix_rank(matrix.numpy(), tol=1e-9)


@given(SEEDS)
def test_a_column_is_free_where_the_others_do_not_span_it(seed):
    matrix, dependent = planted(seed)
    found = analyse(matrix)
    spanned = {c for c in range(matrix.shape[1]) if in_span_of_the_others(matrix, c)}
    assert {c for c in range(matrix.shape[1]) if not found.free()[c]} == spanned == dependent


@given(SEEDS)
def test_rows_of_the_inverse_single_out_free_columns(seed):
    matrix, dependent = planted(seed)
    product = analyse(matrix).inverse @ matrix
    for column in set(range(matrix.shape[1])) - dependent:
        unit = torch.eye(matrix.shape[1], dtype=torch.float64)[column]
        torch.testing.assert_close(product[column], unit, atol=1e-9, rtol=0)


@given(SEEDS)
def test_dependencies_are_minimal_and_span_the_null_space(seed):
    matrix, dependent = planted(seed)
    found = dependencies(matrix)
    size = matrix.shape[1]
    assert len(found) == size - analyse(matrix).rank
    vectors = torch.stack([dependency.vector(size) for dependency in found])
    assert np.linalg.matrix_rank(vectors.numpy()) == len(found)
    assert float((matrix @ vectors.T).abs().max()) < 1e-9
    assert set().union(*({d.column, *d.combination} for d in found)) == dependent
    for dependency in found:
        others = matrix[:, list(dependency.combination)]
        assert np.linalg.matrix_rank(others.numpy(), tol=1e-9) == len(dependency.combination)


def test_independent_columns_have_no_dependency():
    assert dependencies(torch.eye(3, dtype=torch.float64)) == []


def test_a_combination_is_given_with_its_coefficients():
    first, second = torch.tensor([1.0, 0, 0]).double(), torch.tensor([0, 1.0, 0]).double()
    (found,) = dependencies(torch.stack([first, second, 0.25 * first + 0.75 * second], 1))
    # Any of the three may be written in terms of the others; the null vector is the same up to scale.
    vector = found.vector(3)
    torch.testing.assert_close(vector / vector[2], torch.tensor([-0.25, -0.75, 1.0]).double())


def test_a_null_vector_from_a_combination():
    assert Dependency(2, {0: 0.5, 3: -1.0}).vector(4).tolist() == [-0.5, 0.0, 1.0, 1.0]


def test_the_tolerance_decides_about_nearly_equal_columns():
    near = torch.tensor([[0.5, 0.5 + 1e-5], [0.5, 0.5 - 1e-5]]).double()
    assert analyse(near).rank == 2
    assert analyse(near, rtol=1e-3).rank == 1
    assert not analyse(near, rtol=1e-3).free(1e-3).any()


@pytest.mark.parametrize("rtol", [0.0, 1.0, -1e-3, float("nan")])
def test_the_tolerance_is_checked(rtol):
    with pytest.raises(ValueError, match=r"rtol: expected (0 < rtol < 1|a finite number), got"):
        analyse(torch.eye(2), rtol)
