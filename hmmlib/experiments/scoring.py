"""How answers on labelled texts are scored, and how records keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hmmlib.certificates import best_accuracy
from hmmlib.heads import logistic_head
from hmmlib.pretraining import kl_divergences
from hmmlib.tasks import TaskData
from hmmlib.tuning import Tuned

# Nearer to zero than this, a margin leaves the label to rounding.
CLEAR_MARGIN = 1e-9
# Of the heads that are solved.
PENALTY = 1e-8
Entry = dict[str, Any]


class Scorer:
    """Accuracies on one data set.

    Args:
        data: The labelled texts of a task of two classes.
        clear_margin: Nearer to zero than this, a margin leaves the label to rounding.
    """

    def __init__(self, data: TaskData, clear_margin: float = CLEAR_MARGIN) -> None:
        self.data = data
        scores = data.test.scores
        self.clear = (scores[:, 1] - scores[:, 0]).abs() > clear_margin

    def facts(self) -> Entry:
        """What the data is like.

        Returns:
            `positive_share` of the test labels, and `clear_share`, that of the test texts whose margin is
            clear.
        """
        return {
            "positive_share": rounded(self.data.test.labels.double().mean()),
            "clear_share": rounded(self.clear.double().mean()),
        }

    def majority(self) -> Entry:
        """The class most frequent in training, answered always.

        Returns:
            Its entry.
        """
        most = int(torch.bincount(self.data.train.labels).argmax())
        return self.answers(torch.full_like(self.data.test.labels, most))

    def answers(self, answers: Tensor) -> Entry:
        """Score answers.

        Args:
            answers: Classes of the test texts, shape (size,).

        Returns:
            `test`, the accuracy on the test texts, and `clear`, that on those whose margin is clear (None if
            there are none).
        """
        right = (answers.cpu() == self.data.test.labels.cpu()).double()
        clear = self.clear.cpu()
        return {
            "test": rounded(right.mean()),
            "clear": rounded(right[clear].mean()) if clear.any() else None,
        }

    def solved(
        self,
        train: Tensor,
        test: Tensor,
        *,
        l2: float = PENALTY,
        fewer: Sequence[int] = (),
        path: Sequence[float] = (),
    ) -> Entry:
        """Solve a linear head, and score it.

        Args:
            train: Features of the training texts, shape (size, n).
            test: Those of the test texts.
            l2: Weight of the penalty on the head's values.
            fewer: Numbers of training texts with which to do the same besides, each the first so many.
            path: Penalties with which to do the same besides.

        Returns:
            The entry, with the accuracy `train` and the log-loss `loss` in training and whether the solver
            `converged`; `fewer`, the test accuracies with less data (None where one class is missing); and
            `path`, the entry of the penalty `l2` in the path with the highest accuracy in training (of
            several, the first).
        """
        labels, features = self.data.train.labels, test.double()
        fit = logistic_head(train, labels, l2=l2)
        entry = self.answers(fit.head.labels(features)) | {
            "train": rounded(fit.accuracy),
            "loss": rounded(fit.loss),
            "converged": fit.converged,
        }
        if fewer:
            entry["fewer"] = {str(count): self._with_fewer(train, features, count, l2) for count in fewer}
        if path:
            fits = [(logistic_head(train, labels, l2=other), other) for other in path]
            best, chosen = max(fits, key=lambda pair: pair[0].accuracy)
            found = {"train": rounded(best.accuracy), "l2": chosen}
            entry["path"] = self.answers(best.head.labels(features)) | found
        return entry

    def best(self, train: Tensor, test: Tensor) -> Entry:
        """Search for the linear head that gets most training labels right, and score it.

        The optimum of the log-loss gets fewer right. The search has no proof that there is no better head.

        Args:
            train: Features of the training texts, shape (size, n).
            test: Those of the test texts.

        Returns:
            The entry, with the accuracy `train` in training, and `train_bound`, which no head exceeds.
        """
        found = best_accuracy(train.double(), self.data.train.labels, exact_up_to=0)
        return self.answers(found.head.labels(test.double())) | {
            "train": rounded(found.lower),
            "train_bound": rounded(found.upper),
        }

    def tuned(self, tuned: Tuned) -> Entry:
        """Score what was tuned.

        Args:
            tuned: The model with its head, and perhaps its prompt.

        Returns:
            The entry, with the accuracies `validation` and `train`, the `learning_rate` kept, the number of
            `epochs` behind what was kept and whether the search came to rest, `converged`. Where an attention
            head was solved, `epochs` are the iterations of the solver after those of AdamW.
        """
        return self.answers(tuned.labels(self.data.test.tokens)) | {
            "validation": rounded(tuned.accuracy(self.data.validation)),
            "train": rounded(tuned.accuracy(self.data.train)),
            "learning_rate": tuned.learning_rate,
            "epochs": len(tuned.history),
            "converged": tuned.converged,
        }

    def _with_fewer(self, train: Tensor, test: Tensor, count: int, l2: float) -> float | None:
        labels = self.data.train.labels[:count]
        if len(labels.unique()) < 2:
            return None
        head = logistic_head(train[:count], labels, l2=l2).head
        return float(self.answers(head.labels(test))["test"])


def accuracy_of(method: str, record: Mapping[str, Any]) -> float | None:
    """The accuracy of a method on the test texts.

    Args:
        method: Its name.
        record: Of a cell.

    Returns:
        A number from 0 to 1; None if the cell does not have the method.
    """
    entry = record["methods"].get(method)
    return None if entry is None else entry["test"]


def mean_divergence(probs: Tensor, others: Tensor) -> float:
    """Mean KL(distribution ‖ other distribution), nats.

    Args:
        probs: Shape (n, V).
        others: The same; entries of zero are taken as the smallest float.

    Returns:
        The mean over the n rows.
    """
    return float(kl_divergences(probs.cpu(), others.cpu()).mean())


def rounded(value: Tensor | float) -> float:
    """A number as records keep it.

    Args:
        value: The number.

    Returns:
        It, to six decimals.
    """
    return round(float(value), 6)
