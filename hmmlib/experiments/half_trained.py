"""Heads and prompts on a network that is stopped on its way: accuracy against KL, all else equal.

Over HMMs, KL and accuracy both change with the number of states, and with the task. Here one network is
stopped several times while it is pretrained. HMM, task, texts and labels stay, and only what pretraining
misses changes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hmmlib._checks import check_positive_int
from hmmlib.experiments.checks import check_point
from hmmlib.experiments.head_vs_prompt import VARIANT
from hmmlib.experiments.scales import DownstreamConfig, check_scale, stored_scale
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.setting import OF_THE_RUN, Setting, Stopwatch
from hmmlib.hmm import N_TOKENS, random_hmm
from hmmlib.lm import RememberedLM, blank_probs
from hmmlib.pretraining import evaluate, pretrain
from hmmlib.sweeps import Experiment, Record, Workplace, option
from hmmlib.tuning import optimal_prompt, tune_prompt

METHODS = ("learnt_head", "learnt_prompt")
_TOLD = ("n_states", "shares", "starts", "seed")


@dataclass(frozen=True)
class HalfTrainedConfig(DownstreamConfig):
    """What is computed.

    Attributes:
        preset: How much is done in a cell; see `hmmlib.experiments.scales.DOWNSTREAM_SCALES`.
        n_states: The numbers H of hidden states.
        seeds: Each gives an HMM, a task, a data set, and a pretraining.
        shares: Where to stop, as shares of all steps, rising, each above 0 and at most 1.
        starts: Of each search for a prompt.
    """

    variant = VARIANT
    n_states: tuple[int, ...] = option((4, 8, 10, 15, 25, 30), "numbers of hidden states")
    seeds: tuple[int, ...] = option((1, 2, 3), "seeds")
    # The third stage, with texts as long as those that are classified, begins at 0.619 of `laptop`: within a
    # few steps KL falls from one to some hundredths.
    shares: tuple[float, ...] = option(
        (0.1, 0.35, 0.62, 0.63, 0.64, 0.66, 0.7, 1.0), "where to stop, as shares of all steps"
    )
    starts: int = option(1, "starts of each search for a prompt")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shares(self.shares)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `n_states`, `shares`, `starts`; `seed`, of the HMM, the task, the
            texts, the pretraining and all that is random in tuning; and what its preset means, as
            `DownstreamConfig.with_scale` writes it down.
        """
        how = {"shares": list(self.shares), "starts": self.starts}
        return self.with_scale(
            {"n_states": n_states, **how, "seed": seed} for seed in self.seeds for n_states in self.n_states
        )


def half_trained_cell(config: Record, place: Workplace) -> Record:
    """One HMM and one task, answered from a network at several times of its pretraining.

    The HMM, the task and the texts are those of `hmmlib.experiments.head_vs_prompt.head_vs_prompt_cell`.

    Args:
        config: One of `HalfTrainedConfig.cells`, whatever its preset means by now.
        place: Where to compute.

    Returns:
        The record, ready for JSON. `exact` has an entry, as `Scorer` makes it, for each of 'majority',
        'posterior', 'exact_head' and 'exact_prompt', as in `head_vs_prompt_cell`. `stops` has for each stop
        its `step`, the `kl` on held-out text and `blank_kl`, that at the blank before the test texts, and
        `methods` with entries for 'learnt_head', a head solved, and 'learnt_prompt', prompt and head.
        `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: As for `hmmlib.experiments.scales.stored_scale`, `hmmlib.random_hmm` and
            `hmmlib.draw_task`.
        FloatingPointError: As for `hmmlib.pretrain` and `hmmlib.tuning`.
    """
    scale, recipe = stored_scale(config, _TOLD)
    n_states, seed, watch = config["n_states"], config["seed"], Stopwatch()
    prompt = replace(scale.recipes(seed)["prompt"], starts=config["starts"])
    model = random_hmm(n_states, N_TOKENS, generator=seed)
    setting = Setting(model, seed, sizes=scale.sizes, length=scale.length)
    data, score = setting.data, setting.score
    train, test = setting.texts
    best = optimal_prompt(
        setting.exact, train, data.train.labels, starts=scale.restarts, generator=seed
    ).prompt
    record: Record = {
        "n_states": n_states,
        "seed": seed,
        **setting.facts(),
        "exact": {
            "majority": score.majority(),
            "posterior": setting.posterior(),
            "exact_head": score.solved(*setting.exact_probs),
            "exact_prompt": score.solved(*setting.shown(best)),
        },
        "stops": [],
    }
    watch.lap("exact")
    way: dict[str, Any] = {"measure_every": recipe.n_steps, "progress": False}
    with tempfile.TemporaryDirectory() as folder:
        # Each pretraining goes on from where the last one stopped.
        way |= {"checkpoint": Path(folder) / "run.safetensors"}
        for share in config["shares"]:
            step = max(1, round(share * recipe.n_steps))
            done = pretrain(model.to(place.device), recipe, stop_after=step, **way)
            lm = RememberedLM(done.lm)
            watch.lap(f"pretraining to {step}")
            probs = blank_probs(lm, train).cpu(), blank_probs(lm, test).cpu()
            methods = {
                "learnt_head": score.solved(*probs),
                "learnt_prompt": score.tuned(tune_prompt(lm, data, prompt, progress=False)),
            }
            record["stops"].append(
                {
                    "step": step,
                    "kl": rounded(evaluate(done.lm, done.held_out).kl),
                    "blank_kl": setting.blank_kl(probs[1]),
                    "methods": methods,
                }
            )
            watch.lap(f"tuning at {step}")
    return record | watch.times()


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything.

    Args:
        config: The configuration.

    Raises:
        TypeError: As for `hmmlib.experiments.scales.check_scale` and `hmmlib.experiments.checks.check_point`.
        ValueError: Shares that do not rise from above 0 to at most 1, or as for these.
    """
    check_scale(config, _TOLD)
    check_point(config["n_states"], 0, config["seed"])
    check_positive_int(config["starts"], "starts")
    _check_shares(config["shares"])


def _check_shares(shares: Sequence[float]) -> None:
    rising = all(low < high for low, high in zip((0.0, *shares), shares, strict=False))
    if not shares or not rising or shares[-1] > 1:
        raise ValueError(f"shares: expected rising numbers above 0 and at most 1, got {shares}")


def _last(method: str, record: Record) -> float:
    accuracy: float = record["stops"][-1]["methods"][method]["test"]
    return accuracy


EXPERIMENT = Experiment(
    name="half-trained",
    title="heads and prompts on networks stopped on their way: accuracy against KL",
    presets={
        "laptop": HalfTrainedConfig(),
        "smoke": HalfTrainedConfig("smoke", n_states=(4,), seeds=(1,), shares=(0.5, 1.0)),
        "gpu": HalfTrainedConfig("gpu", seeds=(1, 2, 3, 4, 5)),
    },
    compute=half_trained_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("n_states",),
    columns={
        "KL": lambda record: record["stops"][-1]["kl"],
        **{f"{name.replace('_', ' ')}, in the end": partial(_last, name) for name in METHODS},
    },
)
"""The experiment, as the command line knows it.

:meta hide-value:
"""
