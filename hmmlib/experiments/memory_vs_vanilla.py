"""Memory against none: the paper's second experiment (Figure 3, right), rung by rung.

HMMs with one memory cell, whose value the task asks for, and vanilla HMMs with as many states. The
paper gives the first an attention head and the second a linear one; here both get both, so that it can be
told what the memory does and what the head does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from hmmlib.experiments.attention_heads import attention_heads
from hmmlib.experiments.figure3 import load_or_pretrain, pretraining_facts
from hmmlib.experiments.memory_points import (
    KINDS,
    TOLD,
    check_kind,
    check_memory_point,
    facts_of_point,
    memory_points,
    memory_setting,
    without_attention,
)
from hmmlib.experiments.scales import DownstreamConfig, check_scale, stored_scale
from hmmlib.experiments.scoring import accuracy_of
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.lm import ExactMaskingLM, MaskedLM, RememberedLM, blank_probs
from hmmlib.sweeps import Experiment, Record, Workplace, option
from hmmlib.tuning import tune_head

# Of the pretraining. The head reads at words that are shown, about which a model trained on blanks alone was
# never asked.
VARIANT = "BERT's rule"
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
            check_kind(kind)

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `kind`, 'memory', or 'vanilla' with as many states; `n_values`; `seed`,
            of the HMM, the task, the texts, the pretraining and all that is random in tuning; and what its
            preset means, as `DownstreamConfig.with_scale` writes it down.
        """
        return self.with_scale(memory_points(self.kinds, self.n_values, self.seeds))


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
    scale, pretraining = stored_scale(config, TOLD)
    seed, watch = config["seed"], Stopwatch()
    setting = memory_setting(config, scale)
    data, score, recipes = setting.data, setting.score, scale.recipes(seed)
    train, test = setting.texts

    def add_attention(name: str, lm: MaskedLM, **how: Any) -> None:
        best, papers = attention_heads(lm, data, recipes, **how)
        methods[name], methods[f"{name}_paper"] = score.tuned(best), score.tuned(papers)
        watch.lap(name)

    exact = RememberedLM(setting.exact)
    methods = without_attention(setting, exact, scale, seed)
    methods["exact_head_single"] = score.solved(*(probs.float() for probs in setting.exact_probs))
    watch.lap("exact_head")
    add_attention("exact_attention", exact)
    read_off: dict[str, Any] = {"reading": "read off", "masking": pretraining.masking}
    masked = RememberedLM(ExactMaskingLM(setting.model, pretraining.masking))
    add_attention("exact_read_off_attention", masked, **read_off)

    network, pretrained = load_or_pretrain(setting.model, pretraining, place.folder, device=place.device)
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
        **facts_of_point(config, setting),
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
        TypeError: As for `hmmlib.experiments.scales.check_scale` and
            `hmmlib.experiments.memory_points.check_memory_point`.
        ValueError: An unknown kind, or as for these.
    """
    check_scale(config, TOLD)
    check_memory_point(config)


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
