"""How much a head can read, and how much more with a prompt, when the language model is perfect.

The paper's first experiment without pretraining: the model is exact inference, and heads and prompts are
solved to convergence. What a head on the exact posterior gets right and one on the token distribution does
not, is lost behind the emissions, not in training. What training loses is seen beside it, by heads trained as
in the
paper. On the command line: ``hmmlib sweep exact-prompts``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from hmmlib._checks import check_number, check_positive_int
from hmmlib.experiments.checks import check_point, check_texts
from hmmlib.experiments.scoring import CLEAR_MARGIN, PENALTY, rounded
from hmmlib.experiments.setting import Setting
from hmmlib.heads.logistic import check_penalty
from hmmlib.hmm import random_hmm
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.tuning import PAPER_TUNING, TuningRecipe, optimal_prompt, tune_head, tune_prompt

_PROMPTS = ("prompt_recipe", "prompt_lengths")
_SHARED = ("n_tokens", "sizes", "length", "restarts", "l2", "path")
_ENTRIES = ("n_states", "seed", *_SHARED, "clear_margin", "recipe", *_PROMPTS)


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
        prompt_recipe: By which prompts are trained, besides those that are solved.
    """

    n_states: tuple[int, ...] = option((4, 8, 10, 15, 25, 30), "numbers of hidden states")
    seeds: tuple[int, ...] = option(tuple(range(1, 21)), "seeds")
    n_tokens: int = 10
    sizes: tuple[int, int, int] = option((5000, 500, 1000), "numbers of training, validation and test texts")
    length: int = option(128, "tokens in a text")
    restarts: int = option(10, "starts of the search for a prompt")
    l2: float = PENALTY
    path: tuple[float, ...] = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14)
    longer_prompts: tuple[int, ...] = option((2, 5), "lengths of prompts searched for besides one vector")
    longer_seeds: tuple[int, ...] = option((1, 2, 3), "the seeds that these are searched for with")
    prompt_recipe: TuningRecipe = PAPER_TUNING

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields, the margin that counts as clear, and the recipe of the heads that are trained.
        """
        recipes = {"recipe": PAPER_TUNING.to_dict(), "prompt_recipe": self.prompt_recipe.to_dict()}
        return asdict(self) | {"clear_margin": CLEAR_MARGIN} | recipes

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `n_states`; `seed`, of the HMM, the task, the texts and the random
            starts; the sizes, as above; the `clear_margin`, nearer to zero than which a margin leaves the
            label to rounding; the `recipe` by which a head on G is trained besides; `prompt_recipe`, that of
            a prompt; and `prompt_lengths`, the lengths k of the prompts searched for.
        """
        shared = {name: getattr(self, name) for name in _SHARED} | {"clear_margin": CLEAR_MARGIN}
        return [
            {
                "n_states": n_states,
                "seed": seed,
                **shared,
                "recipe": replace(PAPER_TUNING, seed=seed).to_dict(),
                "prompt_recipe": replace(self.prompt_recipe, seed=seed).to_dict(),
                "prompt_lengths": (1, *(self.longer_prompts if seed in self.longer_seeds else ())),
            }
            for n_states in self.n_states
            for seed in self.seeds
        ]


def exact_cell(config: Record, _place: Workplace) -> Record:
    """One HMM and one task: what heads and prompts can do on the exact language model.

    Everything is fitted on the training texts, the best start of a search included. The validation texts are
    for the head that is trained, of which the best epoch is kept.

    Args:
        config: One of `ExactPromptsConfig.cells`.
        _place: Where; the CPU, without anything that cells share.

    Returns:
        The record, ready for JSON; `wall_seconds` is of the run. `methods` has an entry for each of

        - 'majority': the class most frequent in training;
        - 'head': a linear head on G;
        - 'posterior': a linear head on P[H_0 | x] itself;
        - 'head_paper': a linear head on G, trained by the recipe;
        - 'head_best': the linear head on G that gets most training labels right, as far as a search finds it;
        - 'prompt_k': k vectors and a linear head on Ḡ; 'prompt_1_best': one vector, the same as of
          'prompt_1', with the head that gets most training labels right;
        - 'prompt_paper': vectors and a linear head on Ḡ trained by the recipe, as a network's prompt is. What
          is trained is the logarithms of the vectors' entries, which are non-negative here.

        An entry is as `Scorer` makes it, with `train` alone for what is trained, and also
        `restart_losses` for prompts. The optimum of the log-loss is not that of the accuracy, and where
        margins span many orders of magnitude the penalty decides which of them the head attends to: hence the
        `path` of penalties, on the features at the same prompt.

    Raises:
        TypeError: As for `hmmlib.draw_dataset` and `optimal_prompt`.
        ValueError: An entry is missing or too many, or as for `hmmlib.random_hmm`, `hmmlib.draw_task`,
            `hmmlib.draw_dataset` and `optimal_prompt`.
    """
    check_entries(config, _ENTRIES)
    begin, seed = time.perf_counter(), config["seed"]
    setting = Setting(
        random_hmm(config["n_states"], config["n_tokens"], generator=seed),
        seed,
        **{name: config[name] for name in ("sizes", "length", "clear_margin")},
    )
    score, train = setting.score, setting.data.train
    how = {name: config[name] for name in ("l2", "path")}
    methods = {
        "majority": score.majority(),
        "head": score.solved(*setting.exact_probs, **how),
        "posterior": setting.posterior(**how),
    }
    recipe = TuningRecipe.from_dict(config["recipe"])
    trained = tune_head(setting.exact, setting.data, recipe, progress=False)
    prompt_recipe = TuningRecipe.from_dict(config["prompt_recipe"])
    prompted = tune_prompt(setting.exact, setting.data, prompt_recipe, progress=False)
    for name, tuned in (("head_paper", trained), ("prompt_paper", prompted)):
        answers = score.answers(tuned.labels(setting.data.test.tokens))
        methods[name] = answers | {"train": rounded(tuned.accuracy(train))}
    methods["head_best"] = score.best(*setting.exact_probs)
    for size in config["prompt_lengths"]:
        found = optimal_prompt(
            setting.exact,
            train.tokens,
            train.labels,
            n_prompt=size,
            starts=config["restarts"],
            generator=seed,
            l2=config["l2"],
        )
        shown = setting.shown(found.prompt)
        methods[f"prompt_{size}"] = score.solved(*shown, **how) | {
            "converged": found.converged,
            "restart_losses": [rounded(loss) for loss in found.losses],
        }
        if size == 1:
            methods["prompt_1_best"] = score.best(*shown)
    facts = setting.facts()
    return {
        "n_states": config["n_states"],
        "seed": seed,
        **{name: facts[name] for name in ("redraws", "clear_share", "positive_share")},
        "methods": methods,
        "wall_seconds": round(time.perf_counter() - begin, 1),
    }


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything.

    Args:
        config: The configuration.

    Raises:
        TypeError: An entry that a recipe does not have, or a value of another type.
        ValueError: An entry is missing or too many, or a value is out of range.
    """
    check_entries(config, _ENTRIES)
    check_point(config["n_states"], 0, config["seed"])
    check_texts(config["sizes"], config["length"])
    for name in ("n_tokens", "restarts"):
        check_positive_int(config[name], name)
    check_number(config["clear_margin"], "clear_margin")
    for penalty in (config["l2"], *config["path"]):
        check_penalty(penalty)
    for length in config["prompt_lengths"]:
        check_positive_int(length, "prompt_lengths")
    for recipe in ("recipe", "prompt_recipe"):
        TuningRecipe.from_dict(config[recipe])


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
            prompt_recipe=replace(PAPER_TUNING, epochs=5, warmup=5),
        ),
    },
    compute=exact_cell,
    check=check_cell,
    of_the_run=(("wall_seconds",),),
    groups=("n_states",),
    columns={
        "majority": _test_accuracy("majority"),
        "head": _test_accuracy("head"),
        "head best": _test_accuracy("head_best"),
        "head paper": _test_accuracy("head_paper"),
        "prompt": _test_accuracy("prompt_1"),
        "prompt paper": _test_accuracy("prompt_paper"),
        "posterior": _test_accuracy("posterior"),
    },
    devices=("cpu",),
)
"""The sweep of exact prompts.

:meta hide-value:
"""
