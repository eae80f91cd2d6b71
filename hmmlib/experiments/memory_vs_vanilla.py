"""Memory against none: the paper's second experiment (Figure 3, right), rung by rung.

HMMs with one memory cell, whose value the task asks for, and vanilla HMMs with as many states. The
paper gives the first an attention head and the second a linear one; here both get both, so that it can be
told what the memory does and what the head does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib.experiments.checks import check_point
from hmmlib.experiments.figure3 import load_or_pretrain, point_model, pretraining_facts
from hmmlib.experiments.scales import DownstreamConfig, check_scale, stored_scale
from hmmlib.experiments.scoring import accuracy_of
from hmmlib.experiments.setting import OF_THE_RUN, Setting, Stopwatch
from hmmlib.hmm import N_SYNTAX
from hmmlib.lm import ExactMaskingLM, MaskedLM, RememberedLM, blank_probs
from hmmlib.sweeps import Experiment, Record, Workplace, option
from hmmlib.tuning import tune_head

# Of the pretraining. The head reads at words that are shown, about which a model trained on blanks alone was
# never asked.
VARIANT = "BERT's rule"
KINDS = ("memory", "vanilla")
METHODS = (
    "majority",
    "word_counts",
    "posterior",
    "exact_head_best",
    "exact_head",
    "exact_head_single",
    "exact_head_paper",
    "exact_attention",
    "exact_attention_paper",
    "exact_read_off_attention",
    "exact_read_off_attention_paper",
    "learnt_head_best",
    "learnt_head",
    "learnt_head_paper",
    "learnt_attention",
    "learnt_attention_paper",
    "read_off_attention",
    "read_off_attention_paper",
)
_TOLD = ("kind", "n_values", "seed")


@dataclass(frozen=True)
class MemoryVsVanillaConfig(DownstreamConfig):
    """What is computed; the paper's points by default.

    Attributes:
        preset: How much is done in a cell; see `hmmlib.experiments.scales.DOWNSTREAM_SCALES`.
        kinds: Kinds of HMMs, 'memory' and 'vanilla'.
        n_values: The numbers |ℳ| of values, with four syntax states each; a vanilla HMM has as many states as
            both together.
        seeds: Each gives an HMM, a task, a data set, and a pretraining.
    """

    variant = VARIANT
    kinds: tuple[str, ...] = option(KINDS, "kinds of HMMs, memory and vanilla")
    n_values: tuple[int, ...] = option((2, 3, 5, 7), "numbers of memory values")
    seeds: tuple[int, ...] = option((1, 2, 3, 4, 5), "seeds")

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind in self.kinds:
            _check_kind(kind)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `kind`, 'memory', or 'vanilla' with as many states; `n_values`; `seed`,
            of the HMM, the task, the texts, the pretraining and all that is random in tuning; and what its
            preset means, as `DownstreamConfig.with_scale` writes it down.
        """
        return self.with_scale(
            {"kind": kind, "n_values": n_values, "seed": seed}
            for seed in self.seeds
            for n_values in self.n_values
            for kind in self.kinds
        )


def memory_vs_vanilla_cell(config: Record, place: Workplace) -> Record:
    """One HMM and one task, answered in every way.

    Args:
        config: One of `MemoryVsVanillaConfig.cells`, whatever its preset means by now.
        place: Where to compute, and where pretrained models are kept.

    Returns:
        The record, ready for JSON. `methods` has an entry, as `Scorer` makes it, for each of

        - 'majority': the class most frequent in training;
        - 'word_counts': a linear head, solved, on how often each word is in the text: no language model;
        - 'posterior': a linear head, solved, on the exact posterior of the memory cell or of H_0;
        - 'exact_head', 'exact_head_best', 'exact_head_single', 'exact_head_paper': linear heads on G, as in
          `hmmlib.experiments.head_vs_prompt.head_vs_prompt_cell`;
        - 'exact_attention': an attention head on the exact model, which leaves out each word when it predicts
          it; 'exact_read_off_attention': one on what is read off a model that had learnt all that the masking
          asks for (`hmmlib.lm.ExactMaskingLM`), inference in which every word may be random;
        - 'learnt_head', 'learnt_head_paper', 'learnt_head_best': linear heads on the pretrained model;
        - 'read_off_attention': an attention head on what one pass of it over the text says of G_i once the
          shown word is taken out; 'learnt_attention': one on what that pass shows.

        Each attention head has an entry for the paper's recipe too, '…_paper'; the other is the best of it
        and of several that are sought longer, by the loss on the validation texts.

        `pretraining` has the KL of the pretrained model; `blank_kl` is that at the blank before the test
        texts. `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: An unknown kind, or as for `hmmlib.experiments.scales.stored_scale`, the generators and
            `hmmlib.draw_task`.
        FloatingPointError: As for `hmmlib.pretrain` and `hmmlib.tuning`.
    """
    scale, pretraining = stored_scale(config, _TOLD)
    kind, n_values, seed, watch = config["kind"], config["n_values"], config["seed"], Stopwatch()
    _check_kind(kind)
    recipes = scale.recipes(seed)
    n_states = N_SYNTAX * n_values
    model = point_model(n_states, n_values if kind == "memory" else 0, seed)
    setting = Setting(model, seed, sizes=scale.sizes, length=scale.length)
    data, score, n_tokens = setting.data, setting.score, setting.exact.n_tokens
    train, test = setting.texts

    def add_attention(name: str, lm: MaskedLM, **how: Any) -> None:
        """Add the head of the paper's recipe, and the best of it and of some that are sought longer."""
        found = [
            tune_head(lm, data, recipes[recipe], head="attention", progress=False, **how)
            for recipe in ("solved", "paper")
        ]
        best = min(found, key=lambda tuned: min(step.validation_loss for step in tuned.history))
        methods[name], methods[f"{name}_paper"] = score.tuned(best), score.tuned(found[1])
        watch.lap(name)

    methods: dict[str, Record] = {
        "majority": score.majority(),
        "word_counts": score.solved(_word_shares(train, n_tokens), _word_shares(test, n_tokens)),
        "posterior": setting.posterior(),
        "exact_head": score.solved(*setting.exact_probs),
        "exact_head_best": score.best(*setting.exact_probs),
        "exact_head_single": score.solved(*(probs.float() for probs in setting.exact_probs)),
    }
    watch.lap("exact_head")
    exact = RememberedLM(setting.exact)
    methods["exact_head_paper"] = score.tuned(tune_head(exact, data, recipes["paper"], progress=False))
    add_attention("exact_attention", exact)
    read_off: dict[str, Any] = {"reading": "read off", "masking": pretraining.masking}
    masked = RememberedLM(ExactMaskingLM(model, pretraining.masking))
    add_attention("exact_read_off_attention", masked, **read_off)

    network, pretrained = load_or_pretrain(model, pretraining, place.folder, device=place.device)
    lm = RememberedLM(network)
    watch.lap("pretraining")
    probs = blank_probs(lm, train).cpu(), blank_probs(lm, test).cpu()
    methods["learnt_head"] = score.solved(*probs)
    methods["learnt_head_best"] = score.best(*probs)
    methods["learnt_head_paper"] = score.tuned(tune_head(lm, data, recipes["paper"], progress=False))
    watch.lap("learnt_head")
    add_attention("learnt_attention", lm)
    add_attention("read_off_attention", lm, **read_off)
    return {
        "kind": kind,
        "n_values": n_values,
        "n_states": n_states,
        "seed": seed,
        **setting.facts(),
        "methods": {name: methods[name] for name in METHODS},
        "pretraining": pretraining_facts(pretrained),
        "blank_kl": setting.blank_kl(probs[1]),
        **watch.times(),
    }


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything.

    Args:
        config: The configuration.

    Raises:
        TypeError: As for `hmmlib.experiments.scales.check_scale` and `hmmlib.experiments.checks.check_point`.
        ValueError: An unknown kind, or as for these.
    """
    check_scale(config, _TOLD)
    _check_kind(config["kind"])
    n_values = check_positive_int(config["n_values"], "n_values")
    check_point(N_SYNTAX * n_values, n_values, config["seed"])


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kinds: expected one of {KINDS}, got {kind!r}")


def _word_shares(tokens: Tensor, n_tokens: int) -> Tensor:
    """How often each word is in each text, as a share, shape (n, V)."""
    return torch.nn.functional.one_hot(tokens, n_tokens).double().mean(1)


EXPERIMENT = Experiment(
    name="memory-vs-vanilla",
    title="HMMs with and without a memory, linear and attention heads (Figure 3, right)",
    presets={
        name: MemoryVsVanillaConfig(name, seeds=seeds)
        for name, seeds in {
            "laptop": tuple(range(1, 6)),
            "smoke": (1,),
            "gpu": tuple(range(1, 6)),
            "paper": tuple(range(1, 6)),
        }.items()
    },
    compute=memory_vs_vanilla_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("kind", "n_values"),
    columns={name.replace("_", " "): partial(accuracy_of, name) for name in METHODS},
)
