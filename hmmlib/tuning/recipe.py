"""How heads and prompts are tuned, in one value that can be stored and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from hmmlib._checks import check_entries, check_fraction, check_positive, check_positive_int
from hmmlib._display import fields_html
from hmmlib.pretraining import Schedule, learning_rate_factor

PromptInit = Literal["random", "tokens", "blank"]

# Fields that have another name where recipes are stored: a new one would give stored results new names too.
_STORED = {"starts": "restarts"}


@dataclass(frozen=True)
class TuningRecipe:
    """Optimisation of one head, of one prompt with its head, or of all weights with a head.

    The defaults are the paper's. All is tried with each learning rate, and what has the smallest validation
    loss after some epoch is kept. On a CPU, the same recipe on the same data gives the same result.

    Attributes:
        epochs: Passes over the training texts, at most.
        batch: Texts in a batch; the last batch of an epoch may have fewer.
        learning_rates: Of AdamW, at their highest; the one best on the validation texts is kept.
        betas: AdamW's decay rates of the gradient's mean and square.
        weight_decay: Share of each weight lost per unit of learning rate.
        warmup: Steps over which the learning rate rises from zero.
        schedule: After that it falls linearly to zero over the remaining steps of all epochs ('linear'), or
            stays ('constant').
        patience: Epochs without a smaller validation loss after which to stop; None to do all.
        n_prompt: Number of prompt vectors.
        prompt_init: What a prompt starts from: 'random' vectors, as far apart as embeddings of words are;
            embeddings of random words, 'tokens'; or the 'blank', which says nothing.
        solve_heads: Whether heads are solved to convergence: those of `tune_head` at once, that of a prompt
            or of fine-tuned weights when these are found. What is best is then told by the accuracy with the
            solved head on the validation texts.
        starts: Random starts of a prompt, for each learning rate, or of an attention head that is solved,
            see `hmmlib.tuning.tune_head`; the best on the validation texts is kept.
        seed: Of the order of texts and of what is random at the start.
    """

    epochs: int = 100
    batch: int = 128
    learning_rates: tuple[float, ...] = (1e-2,)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup: int = 500
    schedule: Schedule = "linear"
    patience: int | None = None
    n_prompt: int = 20
    prompt_init: PromptInit = "random"
    solve_heads: bool = False
    starts: int = 1
    seed: int = 0

    _repr_html_ = fields_html

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "n_prompt", "starts"):
            object.__setattr__(self, name, check_positive_int(getattr(self, name), name))
        for name in ("warmup", "seed"):
            object.__setattr__(self, name, check_positive_int(getattr(self, name), name, 0))
        if self.seed >= 2**32:
            raise ValueError(f"seed: expected a seed 0 … 2**32 − 1, got {self.seed}")
        if self.patience is not None:
            object.__setattr__(self, "patience", check_positive_int(self.patience, "patience"))
        for name in ("learning_rates", "betas"):
            if not isinstance(getattr(self, name), tuple | list):
                raise TypeError(f"{name}: expected a tuple of numbers, got {getattr(self, name)!r}")
        rates = tuple(check_positive(rate, "learning_rates") for rate in self.learning_rates)
        if not rates:
            raise ValueError("learning_rates: expected at least one")
        object.__setattr__(self, "learning_rates", rates)
        if len(self.betas) != 2:
            raise ValueError(f"betas: expected two, got {len(self.betas)}")
        betas = tuple(check_fraction(beta, "betas", below_one=True) for beta in self.betas)
        object.__setattr__(self, "betas", betas)
        object.__setattr__(self, "weight_decay", check_fraction(self.weight_decay, "weight_decay"))
        if not isinstance(self.solve_heads, bool):
            raise TypeError(f"solve_heads: expected True or False, got {self.solve_heads!r}")
        for name, kind in (("schedule", Schedule), ("prompt_init", PromptInit)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}: expected one of {get_args(kind)}, got {getattr(self, name)!r}")

    def learning_rate_factor(self, step: int, n_steps: int) -> float:
        """Learning rate at a step, as a share of the highest; as in the Trainer of Hugging Face.

        Args:
            step: Number of the step, from 0.
            n_steps: Steps in all epochs.

        Returns:
            A number from 0 to 1, 0 at the first step of a warmup: see
            `hmmlib.pretraining.learning_rate_factor`.
        """
        return learning_rate_factor(
            step, n_steps, warmup=self.warmup, schedule=self.schedule, first_step_learns=False
        )

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON can hold it.

        Returns:
            Lists, numbers and names, for `from_dict`; `starts` is called "restarts", as in the records that
            there are.
        """
        kept = {_STORED.get(name, name): value for name, value in asdict(self).items()}
        return kept | {"learning_rates": list(self.learning_rates), "betas": list(self.betas)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TuningRecipe:
        """The recipe that `to_dict` made the dictionary from.

        Args:
            stored: The dictionary.

        Returns:
            The recipe.

        Raises:
            TypeError: An entry that a recipe does not have, or no mapping.
            ValueError: A value out of range.
        """
        names = {stored_name: name for name, stored_name in _STORED.items()}
        if isinstance(stored, Mapping):
            stored = {names.get(name, name): value for name, value in stored.items()}
        return cls(**check_entries(stored, cls, "stored"))


PAPER_TUNING = TuningRecipe()
"""The paper's recipe, with AdamW, 100 epochs in batches of 128, and a prompt of 20 vectors with its head."""

CONVERGED = TuningRecipe(
    epochs=100,
    batch=64,
    learning_rates=(3e-3, 1e-2, 3e-2, 1e-1),
    warmup=100,
    patience=10,
    solve_heads=True,
    starts=3,
)
"""Heads are solved; prompts have several learning rates to choose from, and stop when they no longer gain."""

QUICK = TuningRecipe(epochs=1, batch=16, learning_rates=(3e-2,), warmup=20, solve_heads=True, starts=3)
"""About two minutes on one core for a prompt, 5,000 texts of 128 tokens and the `laptop` transformer."""
