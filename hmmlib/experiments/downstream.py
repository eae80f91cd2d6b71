"""What the experiments on downstream tasks share: how much is done, and how answers are scored."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hmmlib.experiments.points import cell_recipe
from hmmlib.logistic import logistic_head
from hmmlib.tasks import TaskData
from hmmlib.tuning import CONVERGED, PAPER_TUNING, QUICK, Tuned, TuningRecipe

# Nearer to zero than this, a margin leaves the label to rounding.
CLEAR_MARGIN = 1e-9
# Names of the recipes in a scale.
_RECIPES = ("paper", "solved", "prompt", "prompt_paper", "whole")
# Weights that know much already are moved by less than a prompt that knows nothing.
_WHOLE = replace(CONVERGED, learning_rates=(3e-4, 1e-3), epochs=20, patience=3)
Entry = dict[str, Any]


@dataclass(frozen=True)
class DownstreamScale:
    """How much is done in one cell.

    Attributes:
        pretraining: Preset of the pretraining.
        sizes: Numbers of training, validation and test texts.
        length: Tokens in a text, after the blank.
        paper: How heads are trained by gradient steps: the paper's recipe.
        solved: How attention heads are solved.
        prompt: How prompts are tuned on the learnt model.
        prompt_paper: The same with the paper's recipe, where there is time for it.
        whole: How all weights of the learnt model are tuned.
        restarts: Starts of the search for the best prompt of the exact model.
        fewer: Numbers of labelled texts with which linear heads are solved besides.
    """

    pretraining: str
    sizes: tuple[int, int, int] = (5000, 500, 1000)
    length: int = 128
    paper: TuningRecipe = PAPER_TUNING
    solved: TuningRecipe = CONVERGED
    prompt: TuningRecipe = CONVERGED
    prompt_paper: TuningRecipe | None = PAPER_TUNING
    whole: TuningRecipe = _WHOLE
    restarts: int = 10
    fewer: tuple[int, ...] = (50, 150, 500, 1500)

    def recipes(self, seed: int) -> dict[str, TuningRecipe]:
        """The recipes of a cell.

        Args:
            seed: Of all that is random in tuning.

        Returns:
            Name of each and the recipe; `prompt_paper` only where there is one.
        """
        found = {name: getattr(self, name) for name in _RECIPES}
        return {name: replace(recipe, seed=seed) for name, recipe in found.items() if recipe is not None}

    def to_dict(self) -> dict[str, Any]:
        """The scale as JSON can hold it.

        Returns:
            Lists, numbers, names, and the recipes' dictionaries.
        """
        plain = {name: value for name, value in asdict(self).items() if name not in _RECIPES}
        recipes = {name: recipe.to_dict() for name, recipe in self.recipes(0).items()}
        return {**plain, "sizes": list(self.sizes), "fewer": list(self.fewer), **recipes}


DOWNSTREAM_SCALES: dict[str, DownstreamScale] = {
    # Seconds: that everything runs.
    "smoke": DownstreamScale(
        pretraining="smoke",
        sizes=(200, 60, 100),
        length=20,
        paper=replace(PAPER_TUNING, epochs=10, warmup=5),
        solved=replace(CONVERGED, restarts=1),
        prompt=replace(QUICK, epochs=1, n_prompt=3),
        prompt_paper=None,
        whole=replace(QUICK, epochs=1, learning_rates=(1e-3,)),
        restarts=2,
        fewer=(50,),
    ),
    # Minutes on one core of a laptop.
    "laptop": DownstreamScale(
        pretraining="laptop",
        solved=replace(CONVERGED, restarts=1),
        prompt=QUICK,
        prompt_paper=None,
        whole=replace(QUICK, epochs=2, batch=32, learning_rates=(1e-3,)),
        restarts=5,
    ),
    # For one card, best shared by several cells.
    "gpu": DownstreamScale(pretraining="gpu"),
    "paper": DownstreamScale(pretraining="paper", prompt=PAPER_TUNING, prompt_paper=None),
}
"""By name, as for `hmmlib.experiments.presets.PRETRAINING_PRESETS`."""


def downstream_scale(name: str) -> DownstreamScale:
    """A scale by name.

    Args:
        name: 'smoke', 'laptop', 'gpu' or 'paper'.

    Returns:
        The scale.

    Raises:
        ValueError: There is no such scale.
    """
    if name not in DOWNSTREAM_SCALES:
        raise ValueError(f"preset: expected one of {tuple(DOWNSTREAM_SCALES)}, got {name!r}")
    return DOWNSTREAM_SCALES[name]


class Scorer:
    """Accuracies on one data set.

    Args:
        data: The labelled texts of a task of two classes.
    """

    def __init__(self, data: TaskData) -> None:
        self.data = data
        scores = data.test.scores
        self.clear = (scores[:, 1] - scores[:, 0]).abs() > CLEAR_MARGIN

    def facts(self) -> Entry:
        """What the data is like.

        Returns:
            `positive_share` of the test labels, and `clear_share`, that of the test texts whose margin is
            farther than 1e-9 from zero.
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

    def solved(self, train: Tensor, test: Tensor, fewer: Sequence[int] = ()) -> Entry:
        """Solve a linear head, and score it.

        Args:
            train: Features of the training texts, shape (size, n).
            test: Those of the test texts.
            fewer: Numbers of training texts with which to do the same besides, each the first so many.

        Returns:
            The entry, with the accuracy `train` and the log-loss `loss` in training and whether the solver
            `converged`; and `fewer`, the test accuracies with less data (None where one class is missing).
        """
        labels = self.data.train.labels
        fit = logistic_head(train, labels)
        entry = self.answers(fit.head.labels(test.double())) | {
            "train": rounded(fit.accuracy),
            "loss": rounded(fit.loss),
            "converged": fit.converged,
        }
        if fewer:
            entry["fewer"] = {str(count): self._with_fewer(train, test, count) for count in fewer}
        return entry

    def tuned(self, tuned: Tuned) -> Entry:
        """Score what was tuned.

        Args:
            tuned: The model with its head, and perhaps its prompt.

        Returns:
            The entry, with the accuracies `validation` and `train`, the `learning_rate` kept, the number of
            `epochs` behind what was kept and whether the search came to rest, `converged`.
        """
        return self.answers(tuned.labels(self.data.test.tokens)) | {
            "validation": rounded(tuned.accuracy(self.data.validation)),
            "train": rounded(tuned.accuracy(self.data.train)),
            "learning_rate": tuned.learning_rate,
            "epochs": len(tuned.history),
            "converged": tuned.converged,
        }

    def _with_fewer(self, train: Tensor, test: Tensor, count: int) -> float | None:
        labels = self.data.train.labels[:count]
        if len(labels.unique()) < 2:
            return None
        head = logistic_head(train[:count], labels).head
        return float(self.answers(head.labels(test.double()))["test"])


class Clock:
    """Seconds between calls.

    Attributes:
        laps: What was timed, and how long it took.
    """

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._begin = time.perf_counter()

    def lap(self, name: str) -> None:
        """Note the time since the last call, or since the beginning.

        Args:
            name: What was done in it.
        """
        now = time.perf_counter()
        self.laps[name] = round(now - self._begin, 1)
        self._begin = now


def consequences(preset: str, variant: str, seed: int) -> dict[str, Any]:
    """All that a record depends on: a preset may change, what it means is part of the configuration.

    Args:
        preset: How much is done.
        variant: Of the pretraining.
        seed: Of the cell.

    Returns:
        The `scale` and the `pretraining`, as JSON can hold them.

    Raises:
        ValueError: An unknown preset or variant.
    """
    scale = downstream_scale(preset)
    recipe = cell_recipe(scale.pretraining, variant, seed)
    return {"scale": scale.to_dict(), "pretraining": recipe.to_dict()}


def check_consequences(config: Mapping[str, Any], variant: str) -> None:
    """Check that a configuration means what this version of the library takes it for.

    Args:
        config: Of a cell.
        variant: Of its pretraining.

    Raises:
        ValueError: An entry differs, or the preset is unknown.
    """
    here = json.loads(json.dumps(consequences(config["preset"], variant, config["seed"])))
    changed = [name for name in here if here[name] != json.loads(json.dumps(config.get(name)))]
    if changed:
        raise ValueError(
            f"config: {', '.join(changed)} of the preset {config['preset']!r} as it is here differs from the "
            "one asked for; expected the same version of hmmlib everywhere"
        )


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


def mean_divergence(laws: Tensor, others: Tensor) -> float:
    """Mean KL(law ‖ other law), nats.

    Args:
        laws: Shape (n, V).
        others: The same; entries of zero are taken as the smallest float.

    Returns:
        The mean over the n rows.
    """
    exact = laws.cpu().double()
    log = others.cpu().double().clamp_min(torch.finfo(torch.float64).tiny).log()
    return float((torch.xlogy(exact, exact) - exact * log).sum(1).mean())


def rounded(value: Tensor | float) -> float:
    """A number as records keep it.

    Args:
        value: The number.

    Returns:
        It, to six decimals.
    """
    return round(float(value), 6)
