"""Heads on frozen language models of many widths, on labels that are linear in the exact belief.

A causal transformer is pretrained on text of an HMM. What it shows at the end of a text is frozen, and heads
are fitted to few labels by least squares: of the smallest norm, or with a penalty
that is chosen on the same examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive, check_positive_int
from hmmlib.experiments.checks import check_labels, check_seed
from hmmlib.experiments.scoring import rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.hmm import HMM, posteriors, random_hmm, sample_tokens
from hmmlib.lm import TransformerConfig, TransformerMaskedLM
from hmmlib.pretraining import PretrainingRecipe, Stage, pretrain
from hmmlib.regression import best_ridge_head, min_norm_head
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option

_ENTRIES = ("preset", "width", "seed", "world", "how")
WORLD: Mapping[str, Any] = {
    "n_states": 20,
    "n_tokens": 32,
    "transition_temperature": 0.1,
    "emission_temperature": 0.1,
}
"""The HMM that writes the text."""

_HOW = ("recipe", "length", "labels", "label_noises", "draws", "n_texts", "n_test")
_PENALTIES = np.logspace(-4, 4, 33)


@dataclass(frozen=True)
class FrozenSizeConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        widths: Widths of the frozen model, and so numbers of features.
        seeds: Each gives an HMM, text, initial weights, and what labels ask for.
        labels: Number of labelled texts.
        label_noises: Standard deviations of the labels' noise; what they ask for has the variance 1.
        draws: How often labelled texts are drawn.
        steps: Steps of pretraining.
        n_texts: Texts that labelled ones are drawn from.
        n_test: Texts that the risk is measured on.
    """

    preset: str
    widths: tuple[int, ...] = option((8, 16, 32, 64, 100, 128, 256), "widths of the frozen model")
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    labels: int = 100
    label_noises: tuple[float, ...] = (0.3, 1.0)
    draws: int = 20
    steps: int = 400
    n_texts: int = 8000
    n_test: int = 4000

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields.
        """
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `width`, `seed`, the `world`, and `how` the model is
            pretrained and heads are fitted.
        """
        return [
            {
                "preset": self.preset,
                "width": width,
                "seed": seed,
                "world": dict(WORLD),
                "how": {
                    "recipe": _recipe(width, seed, self.steps).to_dict(),
                    "length": 24,
                    "labels": self.labels,
                    "label_noises": list(self.label_noises),
                    "draws": self.draws,
                    "n_texts": self.n_texts,
                    "n_test": self.n_test,
                },
            }
            for width in self.widths
            for seed in self.seeds
        ]


def _recipe(width: int, seed: int, steps: int) -> PretrainingRecipe:
    shape = TransformerConfig(width=width, n_layers=2, n_heads=2, feed_forward=2 * width, causal=True)
    return PretrainingRecipe(
        transformer=shape,
        stages=(Stage(steps, 32, 24),),
        optimiser="muon",
        matrix_learning_rate=0.01,
        warmup=min(50, steps - 1),
        seed=seed,
    )


def beliefs(model: HMM, tokens: Tensor) -> Tensor:
    """What a text's tokens but the last say of the state at the last.

    Args:
        model: The HMM.
        tokens: Texts, shape (n, time).

    Returns:
        Distributions of the state, double precision, shape (n, H).
    """
    filtered = posteriors(model, tokens[:, :-1], keep=("filtered",)).filtered[:, -1]
    found: Tensor = filtered.double() @ model.transition.double()
    return found


def shown(lm: TransformerMaskedLM, tokens: Tensor) -> Tensor:
    """What a causal model shows of the same.

    Args:
        lm: The model.
        tokens: Texts, shape (n, time).

    Returns:
        The vectors from which it predicts the last token, double precision, shape (n, width).
    """
    with torch.no_grad():
        parts = [lm.hidden(lm.embed(part), part.shape[1] - 1).double() for part in tokens.split(1000)]
    return torch.cat(parts)


def frozen_size_cell(config: Record, place: Workplace) -> Record:  # noqa: ARG001 - nothing is kept
    """Pretrain one model, freeze it, and fit heads to few labels.

    Args:
        config: One of `FrozenSizeConfig.cells`.
        place: Not used: nothing is shared between cells, and all is computed on the CPU.

    Returns:
        The record, ready for JSON: `width`, `seed`, `kl` of the model in nats; `effective_rank` of the
        features' covariance, trace squared over trace of the square; `floor`, the risk of the head of least
        squares on all texts; and by noise of the labels, for heads of `min_norm` and by `ridge`, `median`
        and quartiles of the risk over draws. What says nothing has the risk 1. `seconds` and `cpu_seconds`
        are of the run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
        FloatingPointError: As for `hmmlib.pretrain`.
    """
    check_entries(config, _ENTRIES)
    check_entries(config["how"], _HOW, "how")
    watch, how, seed = Stopwatch(), config["how"], config["seed"]
    model = random_hmm(**config["world"], generator=seed)
    done = pretrain(model, PretrainingRecipe.from_dict(how["recipe"]), measure_every=10**6, progress=False)
    watch.lap("pretraining")
    tokens = sample_tokens(model, how["n_texts"] + how["n_test"], how["length"], generator=1000 + seed)
    random = np.random.RandomState(2000 + seed)
    asked = beliefs(model, tokens) @ torch.from_numpy(random.standard_normal(model.n_states))
    asked = (asked - asked.mean()) / asked.std()
    features = shown(done.lm, tokens)
    features = features - features.mean(0)
    own, test = slice(how["n_texts"]), slice(how["n_texts"], None)
    spectrum = torch.linalg.eigvalsh(features[own].T.cov())
    found: Record = {
        "width": config["width"],
        "seed": seed,
        "kl": rounded(done.history.last.kl),
        "effective_rank": rounded(float(spectrum.sum() ** 2 / spectrum.square().sum())),
        "floor": rounded(_risk(min_norm_head(features[own], asked[own]), features[test], asked[test])),
    }
    ways: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
        "min_norm": min_norm_head,
        "ridge": lambda x, y: best_ridge_head(x, y, _PENALTIES).head,
    }
    for noise in how["label_noises"]:
        risks: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(how["draws"]):
            rows = torch.from_numpy(random.permutation(how["n_texts"])[: how["labels"]])
            labels = asked[rows] + noise * torch.from_numpy(random.standard_normal(len(rows)))
            for name, fit in ways.items():
                risks[name].append(_risk(fit(features[rows], labels), features[test], asked[test]))
        found[f"noise_{noise:g}"] = {
            name: dict(zip(("low", "median", "high"), _quartiles(values), strict=True))
            for name, values in risks.items()
        }
    watch.lap("heads")
    return found | watch.times()


def _risk(head: Tensor, features: Tensor, asked: Tensor) -> float:
    return float((features @ head - asked).square().mean())


def _quartiles(values: list[float]) -> list[float]:
    return [rounded(float(value)) for value in np.quantile(values, (0.25, 0.5, 0.75))]


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything to speak of.

    Args:
        config: The configuration.

    Raises:
        TypeError: A value of another type.
        ValueError: An entry that is missing or too many, or a value out of range.
    """
    check_entries(config, _ENTRIES)
    check_labels(config, ("preset",))
    check_seed(config["seed"])
    check_entries(config["world"], WORLD, "world")
    how = config["how"]
    check_entries(how, _HOW, "how")
    random_hmm(**config["world"], generator=0)
    recipe = PretrainingRecipe.from_dict(how["recipe"])
    for name in ("labels", "draws", "n_texts", "n_test"):
        check_positive_int(how[name], name)
    check_positive_int(how["length"], "length", 2)
    for noise in how["label_noises"]:
        check_positive(noise, "label_noises")
    if how["labels"] > how["n_texts"]:
        raise ValueError(
            f"labels: expected {how['n_texts']} at most, as there are texts, got {how['labels']}"
        )
    if recipe.transformer.width != config["width"]:
        raise ValueError(
            f"width: expected {recipe.transformer.width}, as in the recipe, got {config['width']}"
        )


EXPERIMENT = Experiment(
    name="frozen-size",
    title="heads on frozen models of many widths, fitted to few labels",
    presets={
        "laptop": FrozenSizeConfig("laptop"),
        "smoke": FrozenSizeConfig(
            "smoke", widths=(8,), seeds=(1,), labels=12, draws=2, steps=4, n_texts=200, n_test=50
        ),
    },
    compute=frozen_size_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("width",),
    columns={
        "KL, nats": lambda record: float(record["kl"]),
        "smallest norm, noise 0.3": lambda record: float(record["noise_0.3"]["min_norm"]["median"]),
        "ridge, noise 0.3": lambda record: float(record["noise_0.3"]["ridge"]["median"]),
    },
    devices=("cpu",),
)
"""The sweep over widths of the frozen model.

:meta hide-value:
"""
