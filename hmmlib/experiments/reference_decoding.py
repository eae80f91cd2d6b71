"""Labelled examples that are looked up, and linear heads fitted to them, on exact and on learnt features.

For each HMM a masked language model is pretrained and frozen. The same labelled texts serve as references of
a memory and as training data of a head, on the exact posterior, on the distribution at the blank as the exact
model and as the network shows it, on the network's vector there, and on the words themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hmmlib._checks import check_positive, check_positive_int
from hmmlib.experiments.checks import check_labels, check_positions, check_seed, check_texts
from hmmlib.experiments.features import one_hot
from hmmlib.experiments.figure3 import cell_recipe, load_or_pretrain, pretraining_facts
from hmmlib.experiments.scoring import mean_divergence, rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.heads import NeighbourHead, tune_logistic, tune_neighbours
from hmmlib.hmm import N_TOKENS, random_hmm
from hmmlib.lm import ExactMaskedLM, TransformerMaskedLM, blank_probs, prepend_mask
from hmmlib.pretraining import PretrainingRecipe
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.tasks import draw_dataset, draw_task

_ENTRIES = ("preset", "n_states", "temperature", "seed", "how")
_HOW = ("recipe", "sizes", "length", "counts", "fixed", "tried", "parts", "rotations", "min_share")
FIXED: Mapping[str, float] = {"k": 32, "share": 0.1}
"""Neighbours, as many as in the released code, and temperature of a memory that is not tuned."""

_TRIED: Mapping[str, tuple[float, ...]] = {
    "ks": (1, 4, 16, 32, 64),
    "shares": (0.001, 0.01, 0.1, 1.0),
    "l2s": (1e-8, 1e-6, 1e-4, 1e-2, 1e-1),
}
# Texts that a network reads at once.
_BATCH = 500


@dataclass(frozen=True)
class ReferenceDecodingConfig:
    """What is computed.

    Attributes:
        preset: The preset's name.
        points: Numbers of states, and temperatures of transitions and emissions.
        seeds: Each gives an HMM, a task, texts, and a pretraining.
        counts: Numbers of labelled texts.
        sizes: Numbers of texts to take these from, to choose by, and to test on.
        length: Tokens in a text.
        parts: Numbers of slices of the network's vector.
        rotations: How often the vector is turned before it is cut.
        pretraining: Preset of the pretraining.
    """

    preset: str
    points: tuple[tuple[int, float], ...] = ((25, 0.01), (10, 0.1))
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    counts: tuple[int, ...] = (16, 64, 256, 1024, 4096)
    sizes: tuple[int, int, int] = (4096, 500, 2000)
    length: int = 128
    parts: tuple[int, ...] = (4, 16)
    rotations: int = 3
    pretraining: str = "laptop"

    def asked(self) -> dict[str, Any]:
        """The configuration as an exported file keeps it.

        Returns:
            The fields.
        """
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `preset`, `n_states`, `temperature`, `seed`, and `how` the model is
            pretrained and memories and heads are made.
        """
        return [
            {
                "preset": self.preset,
                "n_states": n_states,
                "temperature": temperature,
                "seed": seed,
                "how": {
                    "recipe": cell_recipe(self.pretraining, "short texts first", seed).to_dict(),
                    "sizes": list(self.sizes),
                    "length": self.length,
                    "counts": list(self.counts),
                    "fixed": dict(FIXED),
                    "tried": {name: list(values) for name, values in _TRIED.items()},
                    "parts": list(self.parts),
                    "rotations": self.rotations,
                    "min_share": 0.2,
                },
            }
            for n_states, temperature in self.points
            for seed in self.seeds
        ]


def vectors_at_blank(lm: TransformerMaskedLM, tokens: Tensor) -> Tensor:
    """What a network's last layer gives at the blank before each text.

    Args:
        lm: The network.
        tokens: Texts, integers 0 … V − 1, shape (n, time).

    Returns:
        Shape (n, width), double precision.
    """
    with torch.no_grad():
        parts = [lm.hidden(lm.embed(prepend_mask(lm, part)), 0) for part in tokens.split(_BATCH)]
    return torch.cat(parts).double().cpu()


def reference_decoding_cell(config: Record, place: Workplace) -> Record:
    """Memories and heads on one HMM.

    Args:
        config: One of `ReferenceDecodingConfig.cells`.
        place: Where to compute, and where pretrained models are kept.

    Returns:
        The record, ready for JSON: `n_states`, `temperature`, `seed`; `majority`, the share of the most
        frequent class in the test; `redraws` of the task; `pretraining`, and `blank_kl`, that of the network
        at the blank. `methods` has, for each kind of features and each number of labelled texts, the accuracy
        of the nearest reference, `one`, of a memory with the released numbers, `fixed`, of one that is
        `tuned` on validation texts, with its `k` and `share`, and of a linear `head`, whose penalty is chosen
        on the same. `parts` has the accuracy of a tuned memory on slices of the network's vector, `plain` and
        `turned` (one number for each rotation). `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: An entry that is missing or too many, or a value out of range.
        FloatingPointError: As for `hmmlib.pretrain`.
    """
    check_entries(config, _ENTRIES)
    check_entries(config["how"], _HOW, "how")
    watch, how, seed = Stopwatch(), config["how"], config["seed"]
    warm = {f"{name}_temperature": config["temperature"] for name in ("transition", "emission")}
    model = random_hmm(config["n_states"], N_TOKENS, generator=seed, **warm)
    task = draw_task(model, generator=seed, min_share=how["min_share"], max_redraws=200)
    data = draw_dataset(task, generator=seed, sizes=how["sizes"], length=how["length"])
    recipe = PretrainingRecipe.from_dict(how["recipe"])
    lm, pretrained = load_or_pretrain(model, recipe, place.folder, device=place.device)
    watch.lap("pretraining")
    exact, texts = ExactMaskedLM(model), [split.tokens for split in data]
    features: dict[str, list[Tensor]] = {
        "posterior": [task.posterior(some) for some in texts],
        "exact": [blank_probs(exact, some) for some in texts],
        "network": [blank_probs(lm, some).double().cpu() for some in texts],
        "vector": [vectors_at_blank(lm, some) for some in texts],
        "words": [one_hot(some, N_TOKENS).flatten(1) for some in texts],
    }
    watch.lap("features")
    labels = [split.labels for split in data]
    methods = {
        name: {str(n): _answered(rows, labels, n, how, head=name != "words") for n in how["counts"]}
        for name, rows in features.items()
    }
    watch.lap("methods")
    parts = _sliced(features["vector"], labels, how, np.random.RandomState(seed))
    watch.lap("parts")
    return {
        "n_states": config["n_states"],
        "temperature": config["temperature"],
        "seed": seed,
        "redraws": task.redraws,
        "majority": rounded(float(labels[2].bincount().max()) / len(labels[2])),
        "pretraining": pretraining_facts(pretrained),
        "blank_kl": rounded(mean_divergence(features["exact"][2], features["network"][2])),
        "methods": methods,
        "parts": parts,
        **watch.times(),
    }


def _answered(rows: list[Tensor], labels: list[Tensor], n: int, how: Record, *, head: bool) -> Record:
    x, y = rows[0][:n], labels[0][:n]

    def right(found: Tensor) -> float:
        return rounded((found == labels[2]).double().mean())

    tuned = _tuned_memory(x, y, rows[1], labels[1], how)
    fixed = NeighbourHead(x, y, k=min(how["fixed"]["k"], n), share=how["fixed"]["share"])
    found: Record = {
        "one": right(NeighbourHead(x, y, k=1).labels(rows[2])),
        "fixed": right(fixed.labels(rows[2])),
        "tuned": right(tuned.labels(rows[2])),
        "k": tuned.k,
        "share": tuned.share,
    }
    if head:
        # A vector's entries, unlike probabilities, do not sum to one: a constant is one more.
        wide = [torch.cat([some, torch.ones_like(some[:, :1])], 1) for some in (x, *rows[1:])]
        several = len(y.unique()) > 1
        l2s = how["tried"]["l2s"]
        fit = tune_logistic(wide[0], y, wide[1], labels[1], l2s=l2s) if several else None
        found["head"] = right(fit.head.labels(wide[2]) if fit else y[:1].expand(len(labels[2])))
    return found


def _tuned_memory(
    x: Tensor, y: Tensor, asked: Tensor, right: Tensor, how: Record, n_parts: int = 1
) -> NeighbourHead:
    ks, shares = (tuple(how["tried"][name]) for name in ("ks", "shares"))
    return tune_neighbours(x, y, asked, right, ks=ks, shares=shares, n_parts=n_parts).head


def _sliced(rows: list[Tensor], labels: list[Tensor], how: Record, random: np.random.RandomState) -> Record:
    width = rows[0].shape[1]
    turns = [
        torch.linalg.qr(torch.from_numpy(random.standard_normal((width, width)))).Q
        for _ in range(how["rotations"])
    ]

    def right(parts: int, n: int, turn: Tensor | None) -> float:
        x = rows if turn is None else [some @ turn for some in rows]
        head = _tuned_memory(x[0][:n], labels[0][:n], x[1], labels[1], how, n_parts=parts)
        return rounded((head.labels(x[2]) == labels[2]).double().mean())

    return {
        str(parts): {
            str(n): {
                "plain": right(parts, n, None),
                "turned": [right(parts, n, turn) for turn in turns],
            }
            for n in how["counts"]
        }
        for parts in how["parts"]
    }


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
    check_positive_int(config["n_states"], "n_states")
    check_positive(config["temperature"], "temperature")
    how = config["how"]
    check_entries(how, _HOW, "how")
    check_texts(how["sizes"], how["length"])
    recipe = PretrainingRecipe.from_dict(how["recipe"])
    check_positions(recipe, how["length"])
    check_positive_int(how["rotations"], "rotations")
    check_entries(how["fixed"], FIXED, "fixed")
    check_entries(how["tried"], _TRIED, "tried")
    for n in how["counts"]:
        if check_positive_int(n, "counts") > how["sizes"][0]:
            raise ValueError(f"counts: expected {how['sizes'][0]} at most, as there are texts, got {n}")
    for parts in how["parts"]:
        if recipe.transformer.width % check_positive_int(parts, "parts"):
            raise ValueError(
                f"parts: expected divisors of {recipe.transformer.width}, the width, got {parts}"
            )


def _with_most(features: str, method: str, record: Record) -> float:
    """Accuracy with the most labelled texts."""
    return float(list(record["methods"][features].values())[-1][method])


EXPERIMENT = Experiment(
    name="reference-decoding",
    title="labelled texts that are looked up, beside linear heads fitted to them",
    presets={
        "laptop": ReferenceDecodingConfig("laptop"),
        "smoke": ReferenceDecodingConfig(
            "smoke",
            points=((4, 0.1),),
            seeds=(1,),
            counts=(8, 64),
            sizes=(64, 20, 40),
            length=16,
            parts=(2,),
            rotations=1,
            pretraining="smoke",
        ),
    },
    compute=reference_decoding_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("n_states",),
    columns={
        "KL, nats": lambda record: float(record["pretraining"]["kl"]),
        "memory, exact": partial(_with_most, "exact", "tuned"),
        "head, exact": partial(_with_most, "exact", "head"),
        "memory, network": partial(_with_most, "vector", "tuned"),
        "head, network": partial(_with_most, "vector", "head"),
    },
)
"""The sweep over numbers of labelled texts.

:meta hide-value:
"""
