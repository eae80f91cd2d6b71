"""Head against prompt: the paper's first experiment (Figure 3, left), rung by rung.

For each HMM the same texts and labels are answered from the exact posterior, from the exact model and
from a pretrained one, with a head or with a prompt, solved to convergence or trained as in the paper. What is
lost from one rung to the next has a name: the emissions, pretraining, tuning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from hmmlib.certificates import row_space_test, separate
from hmmlib.experiments.figure3 import load_or_pretrain, pretraining_facts
from hmmlib.experiments.scales import DownstreamConfig, stored_scale
from hmmlib.experiments.scoring import accuracy_of, rounded
from hmmlib.experiments.setting import Setting, Stopwatch
from hmmlib.hmm import N_TOKENS, random_hmm
from hmmlib.lm import blank_probs
from hmmlib.sweeps import Experiment, Record, Workplace, option
from hmmlib.tuning import fine_tune, fit_prior, optimal_prompt, tune_head, tune_prompt

# Of the pretraining: blanks alone, so that the model learns G itself.
VARIANT = "short texts first"
METHODS = (
    "majority",
    "posterior",
    "exact_prompt",
    "exact_head",
    "exact_head_paper",
    "learnt_prompt",
    "learnt_prompt_paper",
    "learnt_head",
    "learnt_head_paper",
    "fine_tuned",
)
# Texts on which what a prompt does is compared with what a prior would do.
_FITTED_TEXTS = 500


@dataclass(frozen=True)
class HeadVsPromptConfig(DownstreamConfig):
    """What is computed; the paper's points by default.

    Attributes:
        preset: How much is done in a cell; see `hmmlib.experiments.scales.DOWNSTREAM_SCALES`.
        n_states: The numbers H of hidden states.
        seeds: Each gives an HMM, a task, a data set, and a pretraining.
    """

    variant = VARIANT
    n_states: tuple[int, ...] = option((4, 8, 10, 15, 25, 30), "numbers of hidden states")
    seeds: tuple[int, ...] = option((1, 2, 3), "seeds")

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configuration of each: `n_states`; `seed`, of the HMM, the task, the texts, the pretraining
            and all that is random in tuning; and what its preset means, as `DownstreamConfig.with_scale`
            writes it down.
        """
        return self.with_scale(
            {"n_states": n_states, "seed": seed} for seed in self.seeds for n_states in self.n_states
        )


def head_vs_prompt_cell(config: Record, place: Workplace) -> Record:
    """One HMM and one task, answered in every way.

    Args:
        config: One of `HeadVsPromptConfig.cells`, whatever its preset means by now.
        place: Where to compute, and where pretrained models are kept.

    Returns:
        The record, ready for JSON. `methods` has an entry, as `Scorer` makes it, for each of

        - 'majority': the class most frequent in training;
        - 'posterior': a head, solved, on P[H_0 | x] itself;
        - 'exact_prompt': the best prompt of one vector on the exact model, with its head, solved;
        - 'exact_head', 'exact_head_paper': on G, solved and by the paper's recipe;
        - 'learnt_prompt', and 'learnt_prompt_paper' where the scale has it: prompt and head;
        - 'learnt_head', 'learnt_head_paper': on the distribution that the pretrained model shows;
        - 'fine_tuned': all weights.

        `certificate` says whether a head could be right on all test texts, `separable`, and on all texts with
        every margin, `representable`. `pretraining` has the KL of the pretrained model; `blank_kl` is that at
        the blank before the test texts. `prior` says how near what the learnt model shows there, without
        and with its prompt, is to exact inference, as a `hmmlib.tuning.PriorFit` without its prior.
        `seconds` is of the run.

    Raises:
        ValueError: As for `hmmlib.experiments.scales.stored_scale`, `hmmlib.random_hmm` and
            `hmmlib.draw_task`.
        FloatingPointError: As for `hmmlib.pretrain` and `hmmlib.tuning`.
    """
    scale, pretraining = stored_scale(config, ("n_states", "seed"))
    n_states, seed, watch = config["n_states"], config["seed"], Stopwatch()
    recipes = scale.recipes(seed)
    model = random_hmm(n_states, N_TOKENS, generator=seed)
    setting = Setting(model, seed, sizes=scale.sizes, length=scale.length)
    data, score, exact = setting.data, setting.score, setting.exact
    train, test = setting.texts
    methods = {
        "majority": score.majority(),
        "posterior": setting.posterior(),
        "exact_head": score.solved(*setting.exact_probs, fewer=scale.fewer),
        "exact_head_paper": score.tuned(tune_head(exact, data, recipes["paper"], progress=False)),
    }
    certificate = {
        "separable": separate(setting.exact_probs[1], data.test.labels).separable,
        "representable": row_space_test(model, setting.task.mu).representable,
    }
    watch.lap("exact_head")
    best = optimal_prompt(exact, train, data.train.labels, starts=scale.restarts, generator=seed)
    methods["exact_prompt"] = score.solved(*setting.shown(best.prompt))
    watch.lap("exact_prompt")

    lm, pretrained = load_or_pretrain(model, pretraining, place.folder, device=place.device)
    watch.lap("pretraining")
    probs = blank_probs(lm, train).cpu(), blank_probs(lm, test).cpu()
    methods["learnt_head"] = score.solved(*probs, fewer=scale.fewer)
    methods["learnt_head_paper"] = score.tuned(tune_head(lm, data, recipes["paper"], progress=False))
    watch.lap("learnt_head")
    prompted = tune_prompt(lm, data, recipes["prompt"], progress=False)
    methods["learnt_prompt"] = score.tuned(prompted)
    watch.lap("learnt_prompt")
    if "prompt_paper" in recipes:
        plain = tune_prompt(lm, data, recipes["prompt_paper"], progress=False)
        methods["learnt_prompt_paper"] = score.tuned(plain)
        watch.lap("learnt_prompt_paper")
    methods["fine_tuned"] = score.tuned(fine_tune(lm, data, recipes["whole"], progress=False))
    watch.lap("fine_tuned")

    few = test[:_FITTED_TEXTS]
    shown = {"without": probs[1][: len(few)], "with": blank_probs(lm, few, prompted.prompt).cpu()}
    prior = {name: fit_prior(model, few, found, generator=seed) for name, found in shown.items()}
    watch.lap("prior")
    return {
        "n_states": n_states,
        "seed": seed,
        **setting.facts(),
        "certificate": certificate,
        "methods": {name: methods[name] for name in METHODS if name in methods},
        "pretraining": pretraining_facts(pretrained),
        "blank_kl": setting.blank_kl(probs[1]),
        "prior": {
            name: {part: rounded(value) for part, value in fit._asdict().items() if part != "prior"}
            for name, fit in prior.items()
        },
        "seconds": watch.laps,
    }


EXPERIMENT = Experiment(
    name="head-vs-prompt",
    title="heads and prompts on exact and on pretrained models (Figure 3, left)",
    presets={
        name: HeadVsPromptConfig(name, seeds=seeds)
        for name, seeds in {
            "laptop": (1, 2, 3),
            "smoke": (1,),
            "gpu": tuple(range(1, 21)),
            "paper": tuple(range(1, 21)),
        }.items()
    },
    compute=head_vs_prompt_cell,
    of_the_run=(("seconds",),),
    groups=("n_states",),
    columns={name.replace("_", " "): partial(accuracy_of, name) for name in METHODS},
)
