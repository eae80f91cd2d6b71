"""Head against prompt: the paper's first experiment (Figure 3, left), rung by rung.

For each HMM the same texts and labels are answered from the exact posterior, from the exact model and
from a pretrained one, with a head or with a prompt: the best there is, the optimum of the log-loss, or one
trained as in the paper. What is lost from one rung to the next has one cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from hmmlib.certificates import row_space_test, separate
from hmmlib.experiments.checks import check_point
from hmmlib.experiments.figure3 import load_or_pretrain, pretraining_facts
from hmmlib.experiments.scales import DownstreamConfig, check_scale, stored_scale
from hmmlib.experiments.scoring import accuracy_of, rounded
from hmmlib.experiments.setting import OF_THE_RUN, Setting, Stopwatch
from hmmlib.hmm import N_TOKENS, random_hmm
from hmmlib.lm import RememberedLM, blank_probs
from hmmlib.sweeps import Experiment, Record, Workplace, option
from hmmlib.tuning import fit_prior, optimal_prompt, tune_head, tune_prompt

# Of the pretraining: blanks alone, so that the model learns G itself.
VARIANT = "short texts first"
METHODS = (
    "majority",
    "posterior",
    "exact_prompt_best",
    "exact_prompt",
    "exact_head_best",
    "exact_head",
    "exact_head_single",
    "exact_head_paper",
    "learnt_prompt",
    "learnt_prompt_paper",
    "learnt_head_best",
    "learnt_head",
    "learnt_head_paper",
)
_TOLD = ("n_states", "seed")
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
    seeds: tuple[int, ...] = option(tuple(range(1, 21)), "seeds")

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
          'exact_prompt_best': the same prompt with the head that gets most training labels right;
        - 'exact_head', 'exact_head_paper': on G, solved and by the paper's recipe; 'exact_head_best': the
          head on G that gets most training labels right, as far as a search finds it; 'exact_head_single':
          solved on G rounded to single precision, in which a network shows it;
        - 'learnt_prompt', and 'learnt_prompt_paper' where the scale has it: prompt and head;
        - 'learnt_head', 'learnt_head_paper', 'learnt_head_best': on the distribution that the pretrained
          model shows.

        `certificate` says whether a head could be right on all test texts, `separable`, and on all texts with
        every margin, `representable`. `pretraining` has the KL of the pretrained model; `blank_kl` is that at
        the blank before the test texts. `prior` says how near what the learnt model shows there, without
        and with its prompt, is to exact inference, as a `hmmlib.tuning.PriorFit` without its prior.
        `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: As for `hmmlib.experiments.scales.stored_scale`, `hmmlib.random_hmm` and
            `hmmlib.draw_task`.
        FloatingPointError: As for `hmmlib.pretrain` and `hmmlib.tuning`.
    """
    scale, pretraining = stored_scale(config, _TOLD)
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
        "exact_head_best": score.best(*setting.exact_probs),
        "exact_head_single": score.solved(*(probs.float() for probs in setting.exact_probs)),
    }
    certificate = {
        "separable": separate(setting.exact_probs[1], data.test.labels).separable,
        "representable": row_space_test(model, setting.task.mu).representable,
    }
    watch.lap("exact_head")
    best = optimal_prompt(exact, train, data.train.labels, starts=scale.restarts, generator=seed)
    shown = setting.shown(best.prompt)
    methods |= {"exact_prompt": score.solved(*shown), "exact_prompt_best": score.best(*shown)}
    watch.lap("exact_prompt")

    network, pretrained = load_or_pretrain(model, pretraining, place.folder, device=place.device)
    lm = RememberedLM(network)
    watch.lap("pretraining")
    probs = blank_probs(lm, train).cpu(), blank_probs(lm, test).cpu()
    methods["learnt_head"] = score.solved(*probs, fewer=scale.fewer)
    methods["learnt_head_best"] = score.best(*probs)
    methods["learnt_head_paper"] = score.tuned(tune_head(lm, data, recipes["paper"], progress=False))
    watch.lap("learnt_head")
    prompted = tune_prompt(lm, data, recipes["prompt"], progress=False)
    methods["learnt_prompt"] = score.tuned(prompted)
    watch.lap("learnt_prompt")
    if "prompt_paper" in recipes:
        plain = tune_prompt(lm, data, recipes["prompt_paper"], progress=False)
        methods["learnt_prompt_paper"] = score.tuned(plain)
        watch.lap("learnt_prompt_paper")

    n_few = min(_FITTED_TEXTS, len(test))
    seen = {"without": probs[1], "with": blank_probs(lm, test, prompted.prompt).cpu()}
    prior = {
        name: fit_prior(model, test[:n_few], found[:n_few], generator=seed) for name, found in seen.items()
    }
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
        **watch.times(),
    }


def check_cell(config: Record) -> None:
    """Check the configuration of a cell, without computing anything.

    Args:
        config: The configuration.

    Raises:
        TypeError: As for `hmmlib.experiments.scales.check_scale` and `hmmlib.experiments.checks.check_point`.
        ValueError: As for these.
    """
    check_scale(config, _TOLD)
    check_point(config["n_states"], 0, config["seed"])


EXPERIMENT = Experiment(
    name="head-vs-prompt",
    title="heads and prompts on exact and on pretrained models (Figure 3, left)",
    presets={
        name: HeadVsPromptConfig(name, seeds=seeds)
        for name, seeds in {
            "laptop": tuple(range(1, 21)),
            "smoke": (1,),
            "gpu": tuple(range(1, 21)),
            "paper": tuple(range(1, 21)),
        }.items()
    },
    compute=head_vs_prompt_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("n_states",),
    columns={name.replace("_", " "): partial(accuracy_of, name) for name in METHODS},
)
