"""A linear head at the end of a search: solved, if that serves the validation texts."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from hmmlib.heads import LinearHead, logistic_head


class LastHead(NamedTuple):
    """The head that a search ends with.

    Attributes:
        head: The head.
        accuracy: Share of the validation labels that it gets right.
        converged: Whether the solver came to rest.
    """

    head: LinearHead
    accuracy: float
    converged: bool


def solve_last(
    trained: LinearHead, train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor]
) -> LastHead:
    """Solve the head again that was trained with a prompt or with weights.

    The optimum of the log-loss is not that of the accuracy, and where some texts' values are far from zero it
    can be worse than a head on its way there. So the solved head takes the trained one's place unless it
    gets fewer validation labels right.

    Args:
        trained: The head as it was trained.
        train: Laws, shape (n, V), and labels of the training texts.
        validation: Those of the validation texts.

    Returns:
        The head, and how it does.
    """
    fit = logistic_head(*train)
    laws, labels = validation
    solved, kept = (
        float((head.labels(laws.to(head.weights)) == labels).double().mean()) for head in (fit.head, trained)
    )
    return LastHead(fit.head if solved >= kept else trained, max(solved, kept), fit.converged)
