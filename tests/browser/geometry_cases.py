"""Points of two classes and HMMs over three tokens, for the live geometry, and what hmmlib says of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from browser.cases import Case, numbers
from explorer_machines import MACHINES
from hmmlib import HMM, posteriors, random_hmm
from hmmlib.certificates import posterior_span
from hmmlib.constructions import prompted_prior
from hmmlib.hmm import review_hmm

UNDECIDED = 1e-9


def every_text(n_tokens: int, longest: int) -> list[tuple[int, ...]]:
    """All texts of 0 to `longest` tokens, shorter ones first."""
    return [text for length in range(longest + 1) for text in product(range(n_tokens), repeat=length)]


@dataclass(frozen=True)
class Read:
    """What hmmlib says of all short texts, shorter ones first; what is impossible is NaN.

    Args:
        posteriors: P[H_0 | x] without a prompt, shape (n, H).
        inside: With it, shape (n, H).
        margins: Of the task, without the prompt, shape (n,).
        shown: G at the blank, with the prompt, shape (n, V).
    """

    posteriors: Tensor
    inside: Tensor
    margins: Tensor
    shown: Tensor

    @property
    def decided(self) -> Tensor:
        """Which texts have a label and can follow the prompt."""
        return (self.margins.abs() > UNDECIDED) & ~self.shown.isnan().any(-1)

    @property
    def labels(self) -> Tensor:
        """Labels of the decided texts."""
        return (self.margins[self.decided] > 0).long()


def prior_of(hmm: HMM, prompt: list[float] | None) -> Tensor:
    """The distribution of the state under the blank."""
    if prompt is None:
        return hmm.initial
    return prompted_prior(hmm, torch.tensor([prompt], dtype=torch.float64))


def read(hmm: HMM, mu: list[float], longest: int, prompt: list[float] | None = None) -> Read:
    """Read every text of up to `longest` tokens."""
    prompted = hmm.with_initial(prior_of(hmm, prompt))
    plain, inside = ([known(model, n) for n in range(longest + 1)] for model in (hmm, prompted))
    found = torch.cat([smoothed for smoothed, _ in plain])
    return Read(
        posteriors=found,
        inside=torch.cat([smoothed for smoothed, _ in inside]),
        margins=found @ torch.tensor(mu, dtype=torch.float64),
        shown=torch.cat([shown for _, shown in inside]),
    )


def known(hmm: HMM, length: int) -> tuple[Tensor, Tensor]:
    """Posterior and G at the blank for every text of one length."""
    padded = torch.tensor([(0, *text) for text in product(range(hmm.n_tokens), repeat=length)])
    seen = torch.arange(length + 1).expand(padded.shape) > 0  # the blank comes first
    try:
        found = posteriors(hmm, padded, observed=seen)
        return found.smoothed[:, 0], found.conditionals[:, 0]
    except ValueError:
        # Some are impossible: one by one.
        tables = []
        for row in range(len(padded)):
            try:
                one = posteriors(hmm, padded[row, None], observed=seen[row, None])
                tables.append((one.smoothed[0, 0], one.conditionals[0, 0]))
            except ValueError:
                tables.append(tuple(torch.full([n], torch.nan) for n in (hmm.n_states, hmm.n_tokens)))
        return torch.stack([a for a, _ in tables]).double(), torch.stack([b for _, b in tables]).double()


def lost_projector(hmm: HMM, prior: Tensor) -> np.ndarray:
    """The projector onto the lost directions: those of the posterior span that W maps to zero."""
    basis = posterior_span(hmm.with_initial(prior)).numpy()
    _, sizes, right = np.linalg.svd(hmm.emission.numpy().T @ basis)
    lost = basis @ right[int((sizes > 1e-9).sum()) :].T
    projector: np.ndarray = lost @ lost.T
    return projector


def hull_cases() -> list[Case]:
    """Two classes of points: clouds far and near, overlapping, on lines, single points, points in common."""
    cases = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 12, 2)
        sharp = [0.3, 1.0, 20.0][seed % 3]
        clouds = [rng.dirichlet(sharp * rng.dirichlet([1, 1, 1]) + 0.05, size) for size in sizes]
        match seed % 5:
            case 1:  # on one line
                ends = rng.dirichlet([1, 1, 1], 2)
                clouds = [t[:, None] * ends[0] + (1 - t[:, None]) * ends[1] for t in map(rng.random, sizes)]
            case 2:  # on two lines
                clouds = [
                    t[:, None] * rng.dirichlet([1, 1, 1]) + (1 - t[:, None]) * rng.dirichlet([1, 1, 1])
                    for t in map(rng.random, sizes)
                ]
            case 3:  # multiples of a tenth: parallel edges, and corners on edges
                clouds = [rng.multinomial(10, [1 / 3] * 3, size) / 10 for size in sizes]
            case 4 if seed % 2:  # a point in common
                clouds[0] = np.vstack([clouds[0], clouds[1][0]])
        points = np.vstack(clouds)
        labels = np.repeat([0, 1], [len(cloud) for cloud in clouds])
        cases.append({"points": (points / points.sum(-1, keepdims=True)).tolist(), "labels": labels.tolist()})
    return cases


def models() -> list[tuple[HMM, list[float], list[float] | None]]:
    """HMMs of 2 to 5 states and three tokens with a task, some with a prompt, some with dependent columns."""
    found: list[tuple[HMM, list[float], list[float] | None]] = [
        (review_hmm(), [0, 1, -1], None),
        (review_hmm(quotes=True), [0, 1, -1, 0], None),
        (review_hmm(quotes=True), [0, 1, -1, 0.5], [1, 0, 1, 1]),
    ]
    five = MACHINES["prompt"]()
    hmm = HMM(five["initial"], five["transition"], five["emission"])
    found += [(hmm, five["mu"], prompt) for prompt in (None, five["prompt"], [0, 0, 0.01, 1, 1])]
    for seed in range(16):
        rng = np.random.default_rng(seed)
        hmm = random_hmm(
            2 + seed % 4, 3, generator=seed, transition_temperature=0.7, emission_temperature=0.7
        )
        transition, emission = hmm.transition.clone(), hmm.emission.clone()
        if seed % 3 == 1:  # the last column is a mixture of the first two
            emission[-1] = 0.25 * emission[0] + 0.75 * emission[1 % (hmm.n_states - 1)]
        if seed % 3 == 2:  # what follows state 0 never is the last state
            transition[0, -1] = 0
            transition[0] /= transition[0].sum()
        if seed % 8 == 7:  # a token that some states cannot write
            emission[1:, 2] = 0
            emission /= emission.sum(-1, keepdim=True)
        model = HMM(hmm.initial, transition, emission)
        prompt = [1.0] + [0.0] * (hmm.n_states - 1) if seed % 3 == 2 else None
        found.append((model, rng.standard_normal(hmm.n_states).tolist(), prompt))
    return found


def model_case(hmm: HMM, mu: list[float], prompt: list[float] | None) -> Case:
    """One of them, as the browser reads it."""
    return {"machine": numbers(hmm), "mu": mu, "prompt": prompt, "longest": 4}
