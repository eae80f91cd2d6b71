"""A task that tests the mechanism of the paper's Section 4: counts cannot solve it, its attention head can.

On the HMMs of `hmmlib.hmm.random_ordered_hmm` words and pairs of neighbours are as frequent under every value
of the memory, but for a few; their order tells it, and one recoverable state, which rare cues announce, lets
it be read off. Heads that know no language model, or read it at one place, are left to chance; the head of
the theorem is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from hmmlib.constructions import attention_head
from hmmlib.experiments.attention_heads import AttentionKind, attention_heads
from hmmlib.experiments.features import first_words, pair_shares, pooled, word_shares
from hmmlib.experiments.figure3 import load_or_pretrain, pretraining_facts
from hmmlib.experiments.scales import DownstreamConfig, check_scale, stored_scale
from hmmlib.experiments.scoring import Scorer, accuracy_of, mean_divergence, rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.heads import AttentionHead
from hmmlib.hmm import MemoryHMM, random_ordered_hmm
from hmmlib.lm import ExactMaskedLM, MaskedLM, RememberedLM, blank_probs, text_probs
from hmmlib.sweeps import Experiment, Record, Workplace, check_entries, option
from hmmlib.tasks import PosteriorTask, Split, draw_dataset

VARIANT = "BERT's rule"
_TOLD = ("n_values", "hmm", "seed")
_HMM = ("n_tokens", "n_patterns", "rate", "own_share", "clarity")
# A key that differs from one by no more is taken for one.
_CERTAIN = 1e-9
METHODS = (
    "majority",
    "word_counts",
    "word_pairs",
    "first_words",
    "posterior",
    "exact_head",
    "exact_theorem",
    "exact_attention",
    "exact_attention_paper",
    "exact_plain_attention",
    "exact_plain_attention_paper",
    "exact_pooled",
    "learnt_head",
    "learnt_theorem",
    "learnt_attention",
    "learnt_attention_paper",
    "learnt_pooled",
    "read_off_theorem",
    "read_off_attention",
    "read_off_attention_paper",
    "read_off_plain_attention",
    "read_off_plain_attention_paper",
    "read_off_pooled",
)


@dataclass(frozen=True)
class MechanismConfig(DownstreamConfig):
    """What is computed.

    Attributes:
        preset: How much is done in a cell; see `hmmlib.experiments.scales.DOWNSTREAM_SCALES`.
        n_values: The numbers |ℳ| of values of the memory.
        seeds: Each gives an HMM, a task, a data set, and a pretraining.
        n_tokens: Size V of the vocabulary.
        n_patterns: As for `hmmlib.hmm.random_ordered_hmm`, as are the others.
        rate: Cues per step.
        own_share: Share of its own in each value's column of the recoverable state.
        clarity: Probability of a word of its own in each token distribution of the ring.
    """

    variant = VARIANT
    n_values: tuple[int, ...] = option((2,), "numbers of memory values")
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")
    n_tokens: int = 10
    n_patterns: int = 3
    rate: float = 1 / 32
    own_share: float = 0.6
    clarity: float = 0.7

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `n_values`; `hmm`, the other arguments of
            `hmmlib.hmm.random_ordered_hmm`; `seed`, of the HMM, the task, the texts, the pretraining and all
            that is random in tuning; and what its preset means, as `DownstreamConfig.with_scale` writes it
            down.
        """
        hmm = {name: getattr(self, name) for name in _HMM}
        return self.with_scale(
            {"n_values": n_values, "hmm": hmm, "seed": seed}
            for seed in self.seeds
            for n_values in self.n_values
        )


def ordered_task(model: MemoryHMM, seed: int) -> PosteriorTask:
    """The task on an HMM: is the memory's value in one half of the values, drawn at random, or the other?

    Args:
        model: The HMM.
        seed: Of the halves.

    Returns:
        The task, with weights 1 and −1 in equal numbers, or one more of 1.

    Raises:
        ValueError: A seed out of range, or fewer than two values, of which there are no two halves.
    """
    if model.n_values < 2:
        raise ValueError(f"model: expected at least 2 values of the memory, got {model.n_values}")
    signs = np.where(np.arange(model.n_values) % 2, -1.0, 1.0)
    return PosteriorTask.two_class(model, np.random.RandomState(seed).permutation(signs))


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything but its HMM.

    Args:
        config: The configuration.

    Raises:
        TypeError: As for `hmmlib.experiments.scales.check_scale` and `hmmlib.hmm.random_ordered_hmm`.
        ValueError: As for these and `ordered_task`, or an argument of the HMM's generator is missing or too
            many.
    """
    check_scale(config, _TOLD)
    ordered_task(_model(config), config["seed"])


def mechanism_cell(config: Record, place: Workplace) -> Record:
    """One HMM and one task, answered in every way.

    Args:
        config: One of `MechanismConfig.cells`, whatever its preset means by now.
        place: Where to compute, and where pretrained models are kept.

    Returns:
        The record, ready for JSON. `methods` has an entry, as `Scorer` makes it, for each of

        - 'majority': the class most frequent in training;
        - 'word_counts', 'word_pairs', 'first_words': linear heads, solved, on how often each word is in the
          text, on how often each word and each pair of neighbours is, and on which its first four words are;
        - 'posterior': a linear head, solved, on the exact posterior of the memory;
        - 'exact_head', 'learnt_head': linear heads, solved, on what the exact or the pretrained model shows
          at the blank;
        - 'exact_theorem': the head that the theorem constructs from the HMM, with the exact model;
          'learnt_theorem', 'read_off_theorem': the same head, as it is, on what one pass of the pretrained
          model shows, or on what that says of G_i once the shown word is taken out;
        - 'exact_attention', 'learnt_attention', 'read_off_attention': attention heads that are trained;
          'exact_plain_attention', 'read_off_plain_attention': without embeddings of the words;
        - 'exact_pooled', 'learnt_pooled', 'read_off_pooled': linear heads, solved, on the mean of G_i ⊗ x_i
          over the text: the attention head with all positions alike, whatever its other parts.

        Each head that is trained has an entry for the paper's recipe, '…_paper'; the other is the best of it
        and of several that are sought longer, by the loss on the validation texts. Entries of the theorem's
        head have `certain`, its accuracy on the texts that the theorem speaks of: they have a position that
        is certain to be read from a recoverable state. `certain_share` is their share.

        `pretraining` has the KL of the pretrained model; `blank_kl` is that at the blank before the test
        texts, `certain_kl` those at the certain positions, by reading. `seconds` and `cpu_seconds` are of the
        run.

    Raises:
        TypeError: As for `check_cell`.
        ValueError: As for `check_cell`.
        FloatingPointError: As for `hmmlib.pretrain` and `hmmlib.tuning`.
    """
    scale, pretraining = stored_scale(config, _TOLD)
    seed, watch = config["seed"], Stopwatch()
    recipes = scale.recipes(seed)
    model = _model(config)
    task = ordered_task(model, seed)
    data = draw_dataset(task, generator=seed, sizes=scale.sizes, length=scale.length)
    train, test = data.train, data.test
    score, theorem = Scorer(data), attention_head(model, task.mu)
    exact = RememberedLM(ExactMaskedLM(model))
    keys = theorem.keys(text_probs(exact, test.tokens))
    certain = keys > 1 - _CERTAIN

    def solved(features: Callable[[Tensor], Tensor]) -> Record:
        return score.solved(features(train.tokens).cpu(), features(test.tokens).cpu())

    def add_tuned(name: str, lm: MaskedLM, head: AttentionKind, **how: Any) -> None:
        best, papers = attention_heads(lm, data, recipes, head=head, **how)
        methods[name], methods[f"{name}_paper"] = score.tuned(best), score.tuned(papers)
        watch.lap(name)

    def add_untuned(name: str, lm: MaskedLM, **how: Any) -> None:
        """Add the theorem's head, and what sees all positions alike."""
        shown = [text_probs(lm, split.tokens, **how).cpu() for split in (train, test)]
        methods[f"{name}_theorem"] = _answered(score, theorem, shown[1], test, certain.any(1))
        methods[f"{name}_pooled"] = score.solved(
            pooled(train.tokens, shown[0]), pooled(test.tokens, shown[1])
        )
        divergences[name] = _divergence(text_probs(exact, test.tokens)[certain], shown[1][certain])
        watch.lap(f"{name}_theorem")

    divergences: dict[str, float | None] = {}
    methods: dict[str, Record] = {
        "majority": score.majority(),
        "word_counts": solved(partial(word_shares, n_tokens=model.n_tokens)),
        "word_pairs": solved(partial(pair_shares, n_tokens=model.n_tokens)),
        "first_words": solved(partial(first_words, n_tokens=model.n_tokens)),
        "posterior": solved(task.posterior),
        "exact_head": solved(partial(blank_probs, exact)),
    }
    watch.lap("exact_head")
    add_untuned("exact", exact)
    add_tuned("exact_attention", exact, "attention")
    add_tuned("exact_plain_attention", exact, "plain attention")

    network, pretrained = load_or_pretrain(model, pretraining, place.folder, device=place.device)
    lm = RememberedLM(network)
    watch.lap("pretraining")
    methods["learnt_head"] = solved(partial(blank_probs, lm))
    read_off: dict[str, Any] = {"reading": "read off", "masking": pretraining.masking}
    add_untuned("learnt", lm)
    add_untuned("read_off", lm, **read_off)
    add_tuned("learnt_attention", lm, "attention")
    add_tuned("read_off_attention", lm, "attention", **read_off)
    add_tuned("read_off_plain_attention", lm, "plain attention", **read_off)
    return {
        "n_values": config["n_values"],
        "n_states": model.n_states,
        "seed": seed,
        **score.facts(),
        "certain_share": rounded(certain.any(1).double().mean()),
        "certain_kl": {name: divergences[name] for name in ("learnt", "read_off")},
        "methods": {name: methods[name] for name in METHODS},
        "pretraining": pretraining_facts(pretrained),
        "blank_kl": rounded(mean_divergence(blank_probs(exact, test.tokens), blank_probs(lm, test.tokens))),
        **watch.times(),
    }


def _model(config: Record) -> MemoryHMM:
    check_entries(config["hmm"], _HMM, "hmm")
    return random_ordered_hmm(config["n_values"], generator=config["seed"], **config["hmm"])


def _answered(score: Scorer, head: AttentionHead, probs: Tensor, test: Split, certain: Tensor) -> Record:
    answers = head.labels(probs, test.tokens)
    right = (answers == test.labels)[certain].double()
    return score.answers(answers) | {"certain": rounded(right.mean()) if len(right) else None}


def _divergence(probs: Tensor, others: Tensor) -> float | None:
    return rounded(mean_divergence(probs, others)) if len(probs) else None


EXPERIMENT = Experiment(
    name="mechanism",
    title="a task that word counts cannot solve and the attention head of Section 4 can",
    presets={
        "laptop": MechanismConfig(),
        "smoke": MechanismConfig("smoke", seeds=(1,)),
        "gpu": MechanismConfig("gpu"),
        "paper": MechanismConfig("paper"),
    },
    compute=mechanism_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("n_values",),
    columns={name.replace("_", " "): partial(accuracy_of, name) for name in METHODS},
)
