"""What tells classes of vector sequences apart: exact densities, Gaussian mixtures, flows, a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib.densities import (
    ClassifierRecipe,
    EmissionHMM,
    EMRecipe,
    FlowMixtureEmissions,
    FlowRecipe,
    NoisyArcs,
    fit_em,
    fit_flows,
    random_emission_hmm,
    train_classifier,
)
from hmmlib.experiments.checks import check_named_kind
from hmmlib.hmm import MarkovChain, posteriors_from_evidence
from hmmlib.sweeps import Record, check_entries

_STAY = 0.7


def _mixture(n_components: int, *, full: bool = False) -> Record:
    recipe = asdict(EMRecipe(max_iterations=25, tolerance=0.0))
    return {"kind": "mixture", "n_components": n_components, "full": full, "recipe": recipe}


def _flows(n_flows: int, temper: float = 1.0) -> Record:
    recipe = asdict(FlowRecipe(temper=temper))
    return {"kind": "flows", "n_flows": n_flows, "couplings": 4, "hidden": 24, "recipe": recipe}


ARMS: Mapping[str, Record] = {
    "matched_bayes": {"kind": "bayes", "knows_noise": True},
    "mismatched_bayes": {"kind": "bayes", "knows_noise": False},
    "mixture_2": _mixture(2),
    "mixture_20": _mixture(20),
    "mixture_8_full": _mixture(8, full=True),
    "flows_1": _flows(1),
    "flows_3": _flows(3),
    "flows_3_tempered": _flows(3, 0.25),
    "network": {"kind": "network", "recipe": asdict(ClassifierRecipe())},
}
"""What tells the classes apart, by name. The exact densities are the first two."""


class Sequences(NamedTuple):
    """Labelled sequences.

    Attributes:
        x: Vectors, shape (n, time, D).
        classes: int64, shape (n,).
    """

    x: Tensor
    classes: Tensor


class Judge(NamedTuple):
    """What tells classes apart.

    Attributes:
        scores: From sequences and the level of their noise to a score for each class, shape (n, n_classes).
        are_densities: Whether scores are log-densities.
        n_parameters: Numbers that it has; 0 for exact ones.
        least_gain: Least that an iteration of expectation–maximisation gained, nats per vector; None without.
        models: The HMM of each class; none if it has no such models.
    """

    scores: Callable[[Tensor, float], Tensor]
    are_densities: bool = True
    n_parameters: int = 0
    least_gain: float | None = None
    models: tuple[EmissionHMM[Any], ...] = ()


def _bayes(model: Record, arcs: NoisyArcs, train: Sequences, seed: int) -> Judge:  # noqa: ARG001
    def scores(x: Tensor, sigma: float) -> Tensor:
        classes = arcs.with_noise(sigma) if model["knows_noise"] else arcs.classes
        return torch.stack([one.log_likelihood(x) for one in classes], 1)

    return Judge(scores)


def _left_to_right(n_states: int) -> Tensor:
    moves = _STAY * torch.eye(n_states, dtype=torch.float64)
    moves += torch.diag(torch.full((n_states - 1,), 1 - _STAY, dtype=torch.float64), 1)
    moves[-1, -1] = 1.0
    return moves


def _of_each(models: Sequence[EmissionHMM[Any]], temper: float = 1.0) -> Callable[[Tensor, float], Tensor]:
    """Scores by the HMM of each class, densities raised to a power."""

    def score(one: EmissionHMM[Any], x: Tensor) -> Tensor:
        with torch.no_grad():
            logs = temper * one.emissions.log_prob(x)
        return posteriors_from_evidence(one.chain, logs, in_logs=True, keep=()).log_likelihood

    return lambda x, _: torch.stack([score(one, x) for one in models], 1)


def _mixtures(model: Record, arcs: NoisyArcs, train: Sequences, seed: int) -> Judge:
    moves, recipe = _left_to_right(arcs.classes[0].n_states), EMRecipe(**model["recipe"])
    found, least = [], 0.0
    for own in range(arcs.n_classes):
        x = train.x[train.classes == own]
        start = random_emission_hmm(
            x, moves, model["n_components"], generator=seed + 1000 * own, full=model["full"]
        )
        fit = fit_em(start, x, recipe=recipe)
        found.append(fit.model)
        least = min(least, float(fit.log_likelihoods.diff().min()))
    size = sum(one.emissions.n_parameters for one in found)
    return Judge(_of_each(found), n_parameters=size, least_gain=least, models=tuple(found))


def _flow_mixtures(model: Record, arcs: NoisyArcs, train: Sequences, seed: int) -> Judge:
    states, recipe = arcs.classes[0].n_states, FlowRecipe(**model["recipe"])
    chain = MarkovChain(torch.eye(states)[0], _left_to_right(states))
    found, size = [], 0
    for own in range(arcs.n_classes):
        emissions = FlowMixtureEmissions(
            states,
            model["n_flows"],
            train.x.shape[2],
            couplings=model["couplings"],
            hidden=model["hidden"],
            generator=seed + 1000 * own,
        )
        size += emissions.n_parameters
        x = train.x[train.classes == own]
        start = EmissionHMM(chain, emissions)
        found.append(fit_flows(start, x, generator=seed + 1000 * own, recipe=recipe).model)
    return Judge(_of_each(found, recipe.temper), recipe.temper == 1, size, models=tuple(found))


def _network(model: Record, arcs: NoisyArcs, train: Sequences, seed: int) -> Judge:  # noqa: ARG001
    recipe = ClassifierRecipe(**model["recipe"])
    found = train_classifier(train.x, train.classes, generator=seed, recipe=recipe)
    size = sum(parameter.numel() for parameter in found.parameters())
    return Judge(lambda x, _: found.scores(x).double(), False, size)


_KINDS: dict[str, tuple[Callable[[Record, NoisyArcs, Sequences, int], Judge], Record]] = {
    "bayes": (_bayes, ARMS["matched_bayes"]),
    "mixture": (_mixtures, ARMS["mixture_2"]),
    "flows": (_flow_mixtures, ARMS["flows_1"]),
    "network": (_network, ARMS["network"]),
}


def trained_judge(config: Record, arcs: NoisyArcs, train: Sequences) -> Judge:
    """Train what tells the classes apart in a cell.

    Args:
        config: The configuration of a cell.
        arcs: The cell's world.
        train: Its training sequences.

    Returns:
        What gives each class a score.

    Raises:
        ValueError: A model of no known kind, or a parameter of its recipe out of range.
    """
    return _KINDS[check_named_kind(config["model"], _KINDS, "model")][0](
        config["model"], arcs, train, config["seed"]
    )


def check_model(model: Record) -> None:
    """Check the configuration of a model, without training it.

    Args:
        model: One of `ARMS`, or alike.

    Raises:
        TypeError: A value of another type.
        ValueError: An unknown kind, an entry that is missing or too many, or a value out of range.
    """
    kind = check_named_kind(model, _KINDS, "model")
    check_entries(model, _KINDS[kind][1], "model")
    recipes: dict[str, Callable[..., object]] = {
        "mixture": EMRecipe,
        "flows": FlowRecipe,
        "network": ClassifierRecipe,
    }
    if kind in recipes:
        recipes[kind](**model["recipe"])
    for name in ("n_components", "n_flows", "couplings", "hidden"):
        if name in model:
            check_positive_int(model[name], name)
