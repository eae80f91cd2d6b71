"""Pretrain a masked language model on text from a known HMM, measured against Bayes all the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from hmmlib._checks import check_positive_int
from hmmlib._display import card, in_lines
from hmmlib._files import digest, read_tensors, write_tensors
from hmmlib._random import step_generator
from hmmlib.hmm import HMM, LatentChainModel, MemoryHMM, fingerprint
from hmmlib.lm import Context, TransformerMaskedLM
from hmmlib.lm.checkpoints import freeze
from hmmlib.pretraining.corpus import Corpus, TextStream
from hmmlib.pretraining.evaluation import HeldOut, draw_held_out, evaluate
from hmmlib.pretraining.history import History, Measurement
from hmmlib.pretraining.loss import step_loss
from hmmlib.pretraining.optimisers import Optimisers
from hmmlib.pretraining.recipe import PretrainingRecipe

_FORMAT = "hmmlib pretraining 1"
# Losses are fetched, and looked at, after this many steps: on a GPU each fetch waits for the device.
_FETCH_EVERY = 20
HELD_OUT_SEED = 20_210_606


@dataclass(frozen=True)
class Pretrained:
    """What `pretrain` returns.

    Attributes:
        lm: The model, frozen and without dropout.
        history: Its way there.
        recipe: What was asked for.
        held_out: The text that it was measured on.
    """

    lm: TransformerMaskedLM
    history: History
    recipe: PretrainingRecipe
    held_out: HeldOut

    def __repr__(self) -> str:
        last = self.history.last
        return in_lines(
            f"Pretrained(kl={last.kl:.4g}, cross_entropy={last.cross_entropy:.4g}, "
            f"exact_cross_entropy={self.history.exact_cross_entropy:.4g}, steps={last.step}, "
            f"parameters={self.lm.n_parameters:,})"
        )

    def _repr_html_(self) -> str:
        return card(repr(self), self.history._repr_html_())


def pretrain(
    model: LatentChainModel,
    recipe: PretrainingRecipe,
    *,
    held_out: HeldOut | None = None,
    measure_every: int = 100,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    stop_after: int | None = None,
    progress: bool = True,
    callback: Callable[[Measurement], object] | None = None,
) -> Pretrained:
    """Pretrain a transformer on text from `model`, on the device where `model` is.

    A causal transformer learns to predict each token from those before it, and is measured at all tokens of
    the held-out text; any other learns to predict the tokens that the recipe's masking chooses.

    On a CPU the result depends on the arguments, on the number of threads and on the version of torch, and
    on nothing else: not on torch's default number type or device either.

    Example:
        >>> from hmmlib import pretrain, random_hmm
        >>> from hmmlib.pretraining import pretraining_preset
        >>> hmm = random_hmm(4, 10, generator=1)
        >>> done = pretrain(hmm, pretraining_preset("smoke", seed=1), progress=False)
        >>> done.history.last.kl < done.history.measurements[0].kl
        True

    Args:
        model: HMM or memory-augmented HMM that the text comes from.
        recipe: What to train, on what, and how.
        held_out: Text to measure on; 512 texts of 128 tokens with 5% blanks by default, always the same.
        measure_every: Steps between measurements; the first and the last step are always measured.
        checkpoint: File to keep the state of training in. If it exists, training goes on from there, to the
            same result as if it had never stopped.
        checkpoint_every: Steps between writing it; it is also written at the end.
        stop_after: Leave after this step, with the checkpoint written; None to finish.
        progress: Whether to show a bar with loss, Bayes floor and KL on the error stream.
        callback: Called with each measurement as it is made, for example to draw a curve or to log it; what
            it returns is not looked at, and what it raises ends the training. Measurements that a checkpoint
            already holds are not made again.

    Returns:
        The model and its history.

    Raises:
        TypeError: Not an HMM, a recipe or held-out text, or a number of steps that is not an integer.
        ValueError: A number of steps below 1; held-out text for another kind of model; a checkpoint that is
            damaged or belongs to another recipe or another HMM; a corpus that the recipe's batches do not
            fit.
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    for name, value, kind in (("model", model, HMM | MemoryHMM), ("recipe", recipe, PretrainingRecipe)):
        if not isinstance(value, kind):
            expected = "a PretrainingRecipe" if name == "recipe" else "an HMM or a MemoryHMM"
            raise TypeError(f"{name}: expected {expected}, got {type(value).__name__}")
    check_positive_int(measure_every, "measure_every")
    check_positive_int(checkpoint_every, "checkpoint_every")
    n_steps = recipe.n_steps
    end = n_steps if stop_after is None else min(n_steps, check_positive_int(stop_after, "stop_after"))
    if held_out is None:
        context: Context = "past" if recipe.transformer.causal else "others"
        held_out = draw_held_out(model, generator=HELD_OUT_SEED, conditioned_on=context)
    if not isinstance(held_out, HeldOut):
        raise TypeError(f"held_out: expected a HeldOut, got {type(held_out).__name__}")
    run = _Run(model, recipe, held_out)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        run.load(path)
    tell = callback or (lambda _: None)
    if not run.history.measurements:
        tell(run.measure())
    # Not disable=False, which would overrule TQDM_DISABLE.
    hidden: dict[str, Any] = {} if progress else {"disable": True}
    bar = tqdm(total=n_steps, initial=run.step, unit="step", **hidden)
    try:
        while run.step < end:
            limit = min(end, *(run.step - run.step % k + k for k in (measure_every, checkpoint_every)))
            before = run.step
            run.advance(limit, lambda done: bar.update(done))
            if run.step % measure_every == 0 or run.step == n_steps:
                tell(last := run.measure())
                floor = run.history.exact_cross_entropy
                bar.set_postfix_str(f"loss {last.cross_entropy:.3f}, Bayes {floor:.3f}, KL {last.kl:.3f}")
            if (
                path is not None
                and (run.step % checkpoint_every == 0 or run.step == end)
                and run.step > before
            ):
                run.save(path)
    finally:
        bar.close()
    return Pretrained(freeze(run.lm), run.history, recipe, run.held_out)


class _Run:
    """A pretraining under way."""

    def __init__(self, model: LatentChainModel, recipe: PretrainingRecipe, held_out: HeldOut) -> None:
        device = model.chain.initial.device
        self.model, self.recipe, self.held_out, self.device = model, recipe, held_out, device
        self.lm = TransformerMaskedLM(model.chain.n_tokens, recipe.transformer, generator=recipe.seed).to(
            device
        )
        self.optimisers = Optimisers(self.lm, recipe)
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.texts = _texts(model, recipe)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.loss_sum, self.loss_count = 0.0, 0
        self.history = History(held_out.exact_cross_entropy)
        logits: Callable[[Tensor], Tensor] = self.lm.logits
        self.logits = torch.compile(logits) if recipe.compile else logits

    def advance(self, end: int, report: Callable[[int], object]) -> None:
        """Train up to step `end`; say after every few steps how many were done."""
        self.lm.train()
        while self.step < end:
            stop = min(end, self.step - self.step % _FETCH_EVERY + _FETCH_EVERY)
            begin, first = time.perf_counter(), self.step
            losses = torch.stack([self._train(step) for step in range(first, stop)]).tolist()
            self.seconds += time.perf_counter() - begin
            for step, loss in enumerate(losses, first):
                if not math.isfinite(loss):
                    raise FloatingPointError(
                        f"the loss is {loss} at step {step} of {self.recipe.n_steps}; a lower learning_rate "
                        "or a longer warmup may help"
                    )
            self.loss_sum += sum(losses)
            self.loss_count += len(losses)
            self.step = stop
            report(stop - first)

    def _train(self, step: int) -> Tensor:
        index, stage = self.recipe.stage_at(step)
        tokens = self.texts[index].batch(step, stage.batch, stage.length)
        random = step_generator(self.device, self.recipe.seed, 1, step)
        loss = step_loss(self.lm, self.logits, tokens, self.recipe, random)
        self.scaler.scale(loss).backward()
        self.optimisers.step(step, self.scaler)
        self.tokens += tokens.numel()
        return loss.detach()

    def measure(self) -> Measurement:
        """Compare the model with the exact one."""
        self.lm.eval()
        try:
            found = evaluate(self.lm, self.held_out)
        except FloatingPointError as error:
            raise FloatingPointError(f"{error}, after step {self.step} of {self.recipe.n_steps}") from None
        mean = self.loss_sum / self.loss_count if self.loss_count else None
        self.loss_sum, self.loss_count = 0.0, 0
        self.history.measurements.append(
            Measurement(
                step=self.step,
                tokens=self.tokens,
                seconds=self.seconds,
                train_loss=mean,
                cross_entropy=found.cross_entropy,
                kl=found.kl,
                total_variation=found.total_variation,
            )
        )
        return self.history.last

    def save(self, path: Path) -> None:
        """Write everything that the rest of the training depends on."""
        tensors = {f"model.{name}": value for name, value in self.lm.state_dict().items()}
        tensors |= {f"optimiser.{name}": value for name, value in self.optimisers.tensors().items()}
        progress = {
            name: getattr(self, name) for name in ("step", "tokens", "seconds", "loss_sum", "loss_count")
        }
        notes = {
            "format": _FORMAT,
            "recipe": self.recipe.to_dict(),
            "model": fingerprint(self.model),
            "held_out": digest(self.held_out.tokens, self.held_out.masked),
            "progress": progress,
            "scaler": self.scaler.state_dict(),
            "history": {
                # As it was always called in these files.
                "bayes_floor": self.history.exact_cross_entropy,
                "measurements": [asdict(measurement) for measurement in self.history.measurements],
            },
        }
        write_tensors(path, tensors, notes)

    def load(self, path: Path) -> None:
        """Go on from a file that `save` wrote."""
        tensors, notes = read_tensors(path, _FORMAT)
        _check_same(path, notes, self.recipe, self.model)
        if notes["held_out"] != digest(self.held_out.tokens, self.held_out.masked):
            raise ValueError(f"checkpoint: {path.name} was measured on other held-out text")
        self.lm.load_state_dict(_under("model.", tensors))
        self.optimisers.load(_under("optimiser.", tensors))
        if notes["scaler"]:
            self.scaler.load_state_dict(notes["scaler"])
        for name, value in notes["progress"].items():
            setattr(self, name, value)
        stored = notes["history"]
        self.history = History(
            stored["bayes_floor"], [Measurement(**entry) for entry in stored["measurements"]]
        )


def _texts(model: LatentChainModel, recipe: PretrainingRecipe) -> list[TextStream] | list[Corpus]:
    """Where each stage takes its text from."""
    lengths = [stage.length for stage in recipe.stages]
    if recipe.corpus is None:
        earlier = [lengths[:index].count(length) for index, length in enumerate(lengths)]
        return [TextStream(model, recipe.seed, branch) for branch in earlier]
    if len(set(lengths)) > 1:
        raise ValueError(f"stages: a corpus is cut into chunks of one length, got {sorted(set(lengths))}")
    corpus = Corpus(model, recipe.corpus, lengths[0], recipe.seed)
    for stage in recipe.stages:
        corpus.batch(0, stage.batch, stage.length)  # a corpus too small is noticed now
    return [corpus] * len(lengths)


def _check_same(
    path: Path, notes: dict[str, Any], recipe: PretrainingRecipe, model: LatentChainModel
) -> None:
    stored = PretrainingRecipe.from_dict(notes["recipe"])
    if stored != recipe:
        asked, found = recipe.to_dict(), stored.to_dict()
        changed = next(name for name in asked if asked[name] != found[name])
        raise ValueError(
            f"checkpoint: {path.name} was made with {changed} = {found[changed]!r}, the recipe says "
            f"{asked[changed]!r}; expected the same recipe, or a file that does not exist"
        )
    if notes["model"] != fingerprint(model):
        raise ValueError(f"checkpoint: {path.name} was made with text from another HMM")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
