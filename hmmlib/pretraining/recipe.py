"""What a pretraining run consists of, in one value that can be stored and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from hmmlib._checks import check_entries, check_fraction, check_positive, check_positive_int
from hmmlib._display import fields_html
from hmmlib.lm import Masking, TransformerConfig
from hmmlib.pretraining.corpus import CorpusConfig
from hmmlib.pretraining.schedule import Schedule, learning_rate_factor

Optimiser = Literal["adamw", "muon"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Stage:
    """Steps on batches of one shape.

    Attributes:
        steps: Number of steps.
        batch: Texts in a batch.
        length: Tokens in a text.
    """

    steps: int
    batch: int
    length: int

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "length"):
            object.__setattr__(self, name, check_positive_int(getattr(self, name), name))


@dataclass(frozen=True)
class PretrainingRecipe:
    """Model, data, masking and optimisation of one pretraining.

    Attributes:
        transformer: The model's shape; a causal one is trained to predict each token from those before it.
        stages: Batch shapes, one after the other.
        masking: Which tokens are predicted, and what is shown in their place. Not used by a causal model,
            which predicts all tokens and is shown them as they are.
        corpus: Size of a fixed corpus; None for fresh text in every batch.
        optimiser: 'adamw', or 'muon' (Jordan et al. 2024: orthogonalised momentum) for the layers' matrices
            and AdamW for all else.
        learning_rate: Of AdamW, at its highest.
        matrix_learning_rate: Of Muon, at its highest.
        betas: AdamW's decay rates of the gradient's mean and square.
        weight_decay: Share of each weight lost per unit of learning rate.
        warmup: Steps over which the learning rate rises from zero.
        schedule: After that it falls linearly to zero ('linear') or stays ('constant').
        clip: Longest gradient; longer ones are shortened to it. None for no limit.
        precision: Number type of the matrix products in training; weights are always in single precision.
        compile: Whether `torch.compile` translates the model first; minutes at the start, faster steps.
        seed: Of initial weights, text, masks and dropout.
    """

    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    stages: tuple[Stage, ...] = (Stage(steps=500, batch=32, length=128),)
    masking: Masking = field(default_factory=Masking)
    corpus: CorpusConfig | None = None
    optimiser: Optimiser = "adamw"
    learning_rate: float = 3e-3
    matrix_learning_rate: float = 0.02
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.0
    warmup: int = 50
    schedule: Schedule = "linear"
    clip: float | None = 1.0
    precision: Precision = "float32"
    compile: bool = False
    seed: int = 0

    _repr_html_ = fields_html

    def __post_init__(self) -> None:
        for name in ("stages", "betas"):
            if not isinstance(getattr(self, name), tuple | list):
                raise TypeError(f"{name}: expected a tuple, got {getattr(self, name)!r}")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.stages:
            raise ValueError("stages: expected at least one")
        for number, stage in enumerate(self.stages):
            if not isinstance(stage, Stage):
                raise TypeError(f"stages: number {number} is {stage!r}; expected a Stage")
        for name, part in (("transformer", TransformerConfig), ("masking", Masking)):
            if not isinstance(getattr(self, name), part):
                raise TypeError(f"{name}: expected a {part.__name__}, got {getattr(self, name)!r}")
        if self.corpus is not None and not isinstance(self.corpus, CorpusConfig):
            raise TypeError(f"corpus: expected a CorpusConfig or None, got {self.corpus!r}")
        if not isinstance(self.compile, bool):
            raise TypeError(f"compile: expected True or False, got {self.compile!r}")
        for name in ("learning_rate", "matrix_learning_rate"):
            object.__setattr__(self, name, check_positive(getattr(self, name), name))
        if len(self.betas) != 2:
            raise ValueError(f"betas: expected two, got {len(self.betas)}")
        betas = tuple(check_fraction(beta, "betas", below_one=True) for beta in self.betas)
        object.__setattr__(self, "betas", betas)
        object.__setattr__(self, "weight_decay", check_fraction(self.weight_decay, "weight_decay"))
        for name in ("warmup", "seed"):
            object.__setattr__(self, name, check_positive_int(getattr(self, name), name, 0))
        if self.seed >= 2**32:
            raise ValueError(f"seed: expected a seed 0 … 2**32 − 1, got {self.seed}")
        if self.clip is not None:
            object.__setattr__(self, "clip", check_positive(self.clip, "clip"))
        for name, kind in (("optimiser", Optimiser), ("schedule", Schedule), ("precision", Precision)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}: expected one of {get_args(kind)}, got {getattr(self, name)!r}")
        longest = max(stage.length for stage in self.stages)
        if self.transformer.positions == "learned" and longest > self.transformer.max_positions:
            raise ValueError(
                f"stages: texts of {longest} tokens; the transformer learns max_positions = "
                f"{self.transformer.max_positions}"
            )

    @property
    def n_steps(self) -> int:
        """Steps in all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def n_tokens_seen(self) -> int:
        """Tokens in all batches."""
        return sum(stage.steps * stage.batch * stage.length for stage in self.stages)

    def stage_at(self, step: int) -> tuple[int, Stage]:
        """The stage that a step belongs to.

        Args:
            step: Number of the step, from 0.

        Returns:
            Number of the stage, from 0, and the stage.

        Raises:
            ValueError: The step is not one of the recipe's.
        """
        left = step
        for index, stage in enumerate(self.stages):
            if 0 <= left < stage.steps:
                return index, stage
            left -= stage.steps
        raise ValueError(f"step: expected 0 … {self.n_steps - 1}, got {step}")

    def learning_rate_factor(self, step: int) -> float:
        """Learning rate at a step, as a share of the highest; the first step has one already.

        Args:
            step: Number of the step, from 0.

        Returns:
            A number from 0 to 1: see `hmmlib.pretraining.learning_rate_factor`.
        """
        return learning_rate_factor(
            step, self.n_steps, warmup=self.warmup, schedule=self.schedule, first_step_learns=True
        )

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON can hold it.

        Returns:
            Nested dictionaries, lists and numbers, for `from_dict`.
        """
        return asdict(self) | {
            "transformer": self.transformer.to_dict(),
            "stages": [asdict(stage) for stage in self.stages],
            "betas": list(self.betas),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> PretrainingRecipe:
        """The recipe that `to_dict` made the dictionary from.

        Args:
            stored: The dictionary.

        Returns:
            The recipe.

        Raises:
            TypeError: An entry that a recipe does not have, or no mapping.
            ValueError: A value out of range, or one of the entries 'transformer', 'stages' and 'masking' is
                missing.
        """
        entries = check_entries(stored, cls, "stored", ("transformer", "stages", "masking"))
        entries["transformer"] = TransformerConfig.from_dict(entries["transformer"], "stored['transformer']")
        for name, kind in (("masking", Masking), ("corpus", CorpusConfig)):
            if entries.get(name) is not None:
                entries[name] = kind(**check_entries(entries[name], kind, f"stored[{name!r}]"))
        if not isinstance(entries["stages"], list | tuple):
            raise TypeError(f"stored['stages']: expected a list, got {entries['stages']!r}")
        entries["stages"] = tuple(
            Stage(**check_entries(stage, Stage, f"stored['stages'][{i}]", ("steps", "batch", "length")))
            for i, stage in enumerate(entries["stages"])
        )
        return cls(**entries)
