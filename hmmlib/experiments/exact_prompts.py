"""How much a head can read, and how much more with a prompt, when the language model is perfect.

The paper's first experiment without pretraining: the model is exact inference, and heads and prompts are
solved to convergence. What a head on the exact posterior gets right and one on the token law does not, is
lost behind the emissions, not in training. What training loses is seen beside it, by heads trained as in the
paper. On the command line: ``hmmlib sweep exact-prompts``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hmmlib.heads import logistic_head
from hmmlib.hmm import random_hmm
from hmmlib.lm import ExactMaskedLM, blank_probs
from hmmlib.sweeps import Experiment, Workplace
from hmmlib.tasks import Split, draw_dataset, draw_task
from hmmlib.tuning import PAPER_TUNING, TuningRecipe, optimal_prompt, tune_head

# Nearer to zero than this, a margin leaves the label to rounding.
CLEAR_MARGIN = 1e-9
_SHARED = ("n_tokens", "sizes", "length", "restarts", "l2", "path")


@dataclass(frozen=True)
class ExactPromptsConfig:
    """What is computed; the paper's sizes by default.

    Attributes:
        n_states: The numbers H of hidden states.
        seeds: One HMM, task, data set and set of random starts for each.
        n_tokens: Size V of the vocabulary.
        sizes: Numbers of training, validation and test texts.
        length: Tokens in a text, after the blank.
        restarts: Starts of the search for a prompt.
        l2: Weight of the penalty on the head's values.
        path: Weights of it that heads are fitted with besides.
        longer_prompts: Lengths of prompts searched for besides one vector …
        longer_seeds: … for these seeds.
    """

    n_states: tuple[int, ...] = (4, 8, 10, 15, 25, 30)
    seeds: tuple[int, ...] = tuple(range(1, 21))
    n_tokens: int = 10
    sizes: tuple[int, int, int] = (5000, 500, 1000)
    length: int = 128
    restarts: int = 10
    l2: float = 1e-8
    path: tuple[float, ...] = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14)
    longer_prompts: tuple[int, ...] = (2, 5)
    longer_seeds: tuple[int, ...] = (1, 2, 3)

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, the margin that counts as clear, and the recipe of the heads that are trained.
        """
        return asdict(self) | {"clear_margin": CLEAR_MARGIN, "recipe": PAPER_TUNING.to_dict()}

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The arguments of `exact_cell` for each cell, the quickest first.
        """
        shared = {name: getattr(self, name) for name in _SHARED} | {"clear_margin": CLEAR_MARGIN}
        return [
            {
                "n_states": n_states,
                "seed": seed,
                **shared,
                "recipe": replace(PAPER_TUNING, seed=seed).to_dict(),
                "prompt_lengths": (1, *(self.longer_prompts if seed in self.longer_seeds else ())),
            }
            for n_states in self.n_states
            for seed in self.seeds
        ]


def exact_cell(
    n_states: int,
    seed: int,
    *,
    n_tokens: int = 10,
    sizes: Sequence[int] = (5000, 500, 1000),
    length: int = 128,
    restarts: int = 10,
    l2: float = 1e-8,
    path: Sequence[float] = (),
    prompt_lengths: Sequence[int] = (1,),
    clear_margin: float = CLEAR_MARGIN,
    recipe: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One HMM and one task: what heads and prompts can do on the exact language model.

    Everything is fitted on the training texts, the best start of a search included. The validation texts are
    for the head that is trained, of which the best epoch is kept.

    Args:
        n_states: Number H of hidden states.
        seed: Of the HMM, the task, the texts and the random starts.
        n_tokens: Size V of the vocabulary.
        sizes: Numbers of training, validation and test texts.
        length: Tokens in a text, after the blank.
        restarts: Starts of the search for a prompt.
        l2: Weight of the penalty on the head's values.
        path: Weights of it that heads are fitted with besides; none by default.
        prompt_lengths: Lengths k of the prompts searched for.
        clear_margin: Nearer to zero than this, a margin leaves the label to rounding.
        recipe: By which a head on G is trained besides, as `TuningRecipe.to_dict` gives it; None for no such
            head.

    Returns:
        The record, ready for JSON: the same for the same arguments, but for `wall_seconds`. `methods` has an
        entry for each of

        - 'majority': the class most frequent in training;
        - 'head': a linear head on G;
        - 'posterior': a linear head on P[H_0 | x] itself;
        - 'head_paper', where there is a recipe: a linear head on G, trained by it;
        - 'prompt_k': k vectors and a linear head on Ḡ.

        An entry holds `test`, the accuracy on the test texts, and `clear`, that on the test texts whose
        margin is farther than `clear_margin` from zero (None if there are none); but for 'majority' also
        `train`, the accuracy in training; where heads are solved also `loss`, the log-loss there in nats, and
        `converged`; for prompts also `restart_losses`. The optimum of the log-loss is not that of the
        accuracy, and where margins span many orders of magnitude the penalty decides which of them the head
        attends to. So `path` holds `test`, `clear`, `train` and `l2` for the penalty in the path with the
        highest accuracy in training (of several, the first), on the features at the same prompt.

    Raises:
        TypeError: As for `hmmlib.draw_dataset` and `optimal_prompt`.
        ValueError: As for `hmmlib.random_hmm`, `hmmlib.draw_task`, `hmmlib.draw_dataset` and
            `optimal_prompt`.
    """
    begin = time.perf_counter()
    model = random_hmm(n_states, n_tokens, generator=seed)
    task = draw_task(model, generator=seed)
    data = draw_dataset(task, generator=seed, sizes=sizes, length=length)
    train, _, test = data
    lm = ExactMaskedLM(model)
    clear = (test.scores[:, 1] - test.scores[:, 0]).abs() > clear_margin

    def tested(answers: Tensor) -> dict[str, Any]:
        right = (answers == test.labels).double()
        return {
            "test": _rounded(right.mean()),
            "clear": _rounded(right[clear].mean()) if clear.any() else None,
        }

    def head_on(train_features: Tensor, test_features: Tensor) -> dict[str, Any]:
        fit = logistic_head(train_features, train.labels, l2=l2)
        entry = tested(fit.head.labels(test_features)) | {
            "train": _rounded(fit.accuracy),
            "loss": _rounded(fit.loss),
            "converged": fit.converged,
        }
        if path:
            fits = [(logistic_head(train_features, train.labels, l2=other), other) for other in path]
            best, chosen = max(fits, key=lambda pair: pair[0].accuracy)
            answers = best.head.labels(test_features)
            entry["path"] = tested(answers) | {"train": _rounded(best.accuracy), "l2": chosen}
        return entry

    methods = {
        "majority": tested(torch.full_like(test.labels, _majority(train))),
        "head": head_on(blank_probs(lm, train.tokens), blank_probs(lm, test.tokens)),
        "posterior": head_on(task.posterior(train.tokens), task.posterior(test.tokens)),
    }
    if recipe is not None:
        trained = tune_head(lm, data, TuningRecipe.from_dict(recipe), progress=False)
        train_accuracy = {"train": _rounded(trained.accuracy(train))}
        methods["head_paper"] = tested(trained.labels(test.tokens)) | train_accuracy
    for size in prompt_lengths:
        found = optimal_prompt(
            lm, train.tokens, train.labels, n_prompt=size, restarts=restarts, generator=seed, l2=l2
        )
        shown = (blank_probs(lm, split.tokens, found.prompt) for split in (train, test))
        methods[f"prompt_{size}"] = head_on(*shown) | {
            "converged": found.converged,
            "restart_losses": [_rounded(loss) for loss in found.losses],
        }
    return {
        "n_states": n_states,
        "seed": seed,
        "redraws": task.redraws,
        "clear_share": _rounded(clear.double().mean()),
        "positive_share": _rounded(test.labels.double().mean()),
        "methods": methods,
        "wall_seconds": round(time.perf_counter() - begin, 1),
    }


def compute(config: dict[str, Any], _place: Workplace) -> dict[str, Any]:
    """A cell of the sweep.

    Args:
        config: One of `ExactPromptsConfig.cells`.
        _place: Where; the CPU, without anything that cells share.

    Returns:
        As `exact_cell`.
    """
    return exact_cell(**config)


def _majority(split: Split) -> int:
    """The most frequent class; of two that tie, the first."""
    return int(torch.bincount(split.labels).argmax())


def _rounded(value: Tensor | float) -> float:
    return round(float(value), 6)


def _test_accuracy(method: str) -> Callable[[dict[str, Any]], float | None]:
    def column(record: dict[str, Any]) -> float | None:
        entry = record["methods"].get(method)
        return None if entry is None else entry.get("path", entry)["test"]

    return column


EXPERIMENT = Experiment(
    name="exact-prompts",
    title="what heads and prompts can do on the perfect language model",
    presets={
        "paper": ExactPromptsConfig(),
        "smoke": ExactPromptsConfig(
            n_states=(4, 12),
            seeds=(1, 2),
            sizes=(200, 10, 100),
            length=16,
            restarts=2,
            path=(1e-4, 1e-8),
            longer_prompts=(2,),
            longer_seeds=(2,),
        ),
    },
    options={
        "n_states": "numbers of hidden states",
        "seeds": "seeds",
        "sizes": "numbers of training, validation and test texts",
        "length": "tokens in a text",
        "restarts": "starts of the search for a prompt",
        "longer_prompts": "lengths of prompts searched for besides one vector",
        "longer_seeds": "the seeds that these are searched for with",
    },
    compute=compute,
    of_the_run=(("wall_seconds",),),
    groups=("n_states",),
    columns={
        "majority": _test_accuracy("majority"),
        "head": _test_accuracy("head"),
        "head paper": _test_accuracy("head_paper"),
        "prompt": _test_accuracy("prompt_1"),
        "posterior": _test_accuracy("posterior"),
    },
    devices=("cpu",),
)
"""The sweep of exact prompts.

:meta hide-value:
"""
