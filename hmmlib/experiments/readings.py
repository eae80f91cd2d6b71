"""One network, its texts read in every way: what an attention head loses to how the network is asked.

The networks and HMMs are those of `hmmlib.experiments.memory_vs_vanilla`, whose store this experiment shares.
To hide each word in turn takes as many passes as a text has positions, hence fewer texts and one seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from hmmlib.experiments.figure3 import load_or_pretrain, pretraining_facts
from hmmlib.experiments.memory_points import TOLD, facts_of_point, memory_setting
from hmmlib.experiments.memory_vs_vanilla import MemoryVsVanillaConfig, check_cell
from hmmlib.experiments.scales import stored_scale
from hmmlib.experiments.scoring import accuracy_of, mean_divergence, rounded
from hmmlib.experiments.setting import OF_THE_RUN, Stopwatch
from hmmlib.lm import MaskedLM, Masking, Reading, RememberedLM, text_probs
from hmmlib.sweeps import Experiment, Record, Workplace, option
from hmmlib.tuning import tune_head

READINGS: tuple[Reading, ...] = ("shown", "read off", "blanked")
METHODS = ("exact_attention", *(f"{reading.replace(' ', '_')}_attention" for reading in READINGS))


@dataclass(frozen=True)
class ReadingsConfig(MemoryVsVanillaConfig):
    """What is computed; the points of the paper's second experiment by default.

    Attributes:
        preset: As for `MemoryVsVanillaConfig`.
        kinds: As there.
        n_values: As there.
        seeds: As there.
        sizes: Numbers of training, validation and test texts.
    """

    seeds: tuple[int, ...] = option((1,), "seeds")
    sizes: tuple[int, int, int] = option((1500, 500, 1000), "numbers of training, validation and test texts")

    def cells(self) -> list[dict[str, Any]]:
        """The cells to compute.

        Returns:
            The configurations of `MemoryVsVanillaConfig.cells`, with fewer texts.
        """
        return [cell | {"scale": cell["scale"] | {"sizes": list(self.sizes)}} for cell in super().cells()]


def readings_cell(config: Record, place: Workplace) -> Record:
    """One network, one task, and an attention head on each reading.

    Args:
        config: One of `ReadingsConfig.cells`.
        place: Where to compute, and where pretrained models are kept.

    Returns:
        The record, ready for JSON. `methods` has an entry, as `Scorer` makes it, for an attention head on the
        exact model, 'exact_attention', and on the network as it shows words, as what it says of them is read
        off, and with each word hidden in turn, fitted in the same way to the same texts. `kl` has for each
        reading the mean KL of what is read at the words of the test texts from the exact model's G_i, in
        nats. `pretraining` has the facts of the network; `seconds` and `cpu_seconds` are of the run.

    Raises:
        ValueError: As for `hmmlib.experiments.memory_vs_vanilla.memory_vs_vanilla_cell`.
        FloatingPointError: As for `hmmlib.pretrain` and `hmmlib.tuning`.
    """
    scale, pretraining = stored_scale(config, TOLD)
    watch, recipe = Stopwatch(), scale.recipes(config["seed"])["solved"]
    setting = memory_setting(config, scale)
    exact, test = RememberedLM(setting.exact), setting.texts[1]
    truth = text_probs(exact, test, with_blanks=True)[:, 1:].flatten(0, 1)
    network, pretrained = load_or_pretrain(setting.model, pretraining, place.folder, device=place.device)
    lm = RememberedLM(network)
    watch.lap("pretraining")

    def fitted(lm: MaskedLM, reading: Reading, masking: Masking | None) -> Record:
        how: dict[str, Any] = {"reading": reading, "masking": masking, "progress": False}
        return setting.score.tuned(tune_head(lm, setting.data, recipe, head="attention", **how))

    methods, kl = {"exact_attention": fitted(exact, "shown", None)}, {}
    watch.lap("exact_attention")
    for reading, name in zip(READINGS, METHODS[1:], strict=True):
        masking = pretraining.masking if reading == "read off" else None
        methods[name] = fitted(lm, reading, masking)
        found = text_probs(lm, test, reading=reading, masking=masking, with_blanks=True)[:, 1:]
        kl[reading] = rounded(mean_divergence(truth, found.flatten(0, 1)))
        watch.lap(name)
    return {
        **facts_of_point(config, setting),
        "methods": methods,
        "kl": kl,
        "pretraining": pretraining_facts(pretrained),
        **watch.times(),
    }


EXPERIMENT = Experiment(
    name="readings",
    title="attention heads on one network whose texts are read in every way",
    presets={
        "laptop": ReadingsConfig(),
        "smoke": ReadingsConfig("smoke", n_values=(2,), seeds=(1,), sizes=(120, 40, 60)),
        "gpu": ReadingsConfig("gpu", seeds=(1, 2, 3, 4, 5), sizes=(5000, 500, 1000)),
    },
    compute=readings_cell,
    check=check_cell,
    of_the_run=OF_THE_RUN,
    groups=("kind", "n_values"),
    columns={name.replace("_", " "): partial(accuracy_of, name) for name in METHODS},
)
"""The experiment, as the command line knows it.

:meta hide-value:
"""
