"""Tune a soft prompt, with its head, on a frozen language model (the paper's Section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from hmmlib._checks import as_tensor
from hmmlib.heads import LinearHead
from hmmlib.lm import MaskedLM, check_sees_others
from hmmlib.lm._modules import frozen
from hmmlib.lm._unchecked import at_blank
from hmmlib.tasks import TaskData
from hmmlib.tuning._inputs import check_inputs, check_solvable, count_classes
from hmmlib.tuning._prompt_parameters import parametrisation
from hmmlib.tuning._training import Trainable, solve_last, train_at_each_rate
from hmmlib.tuning.recipe import TuningRecipe
from hmmlib.tuning.tuned import Tuned


def tune_prompt(
    lm: MaskedLM,
    data: TaskData,
    recipe: TuningRecipe,
    *,
    start: Tensor | None = None,
    progress: bool = True,
) -> Tuned:
    """Train a soft prompt together with a linear head (Section 3.1).

    The prompt's vectors are put before (∅, x), and the head reads the distribution at the blank. AdamW trains
    the vectors' entries and one row of weights per class, which starts from zero; of an exact model, where
    prompts are non-negative, the entries' logarithms. This is done from each of ``recipe.starts`` random
    starts with each learning rate, and the smallest validation loss is kept. With ``recipe.solve_heads`` the
    head is solved after each of these searches; the solved one is kept unless it gets fewer validation
    labels right, and so is the prompt whose head gets most of them right.

    In an exact model the texts enter through P[x | H_∅] alone, which is computed once. Any other model is run
    forwards and backwards on every batch.

    Args:
        lm: The language model; it is left as it is.
        data: Labelled texts; those for testing are not looked at.
        recipe: How to train.
        start: Prompt to start from instead of the recipe's, shape (n_prompt, embedding_dim); for example the
            theorem's, ``soft_prompt(model, mu).prompt``. In an exact model, what it switches off stays off.
        progress: Whether to show a bar.

    Returns:
        Prompt and head, and how they were found.

    Raises:
        TypeError: Not a language model, texts, or a recipe; or tokens or labels that are not integers; or a
            start of no numbers.
        ValueError: Shapes that do not fit, a token or label out of range, training labels of one class, more
            than two classes for a head that is to be solved, a start that no model accepts, or texts too
            long for the model together with the prompt, or a causal model.
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    data = check_inputs(lm, data, recipe)
    check_sees_others(lm, "a head at the blank before a text")
    n_classes = count_classes(data)
    check_solvable(recipe, n_classes)
    with frozen(lm):
        prompts = parametrisation(lm)
        thetas = (
            [prompts.start(recipe, number) for number in range(recipe.starts)]
            if start is None
            else [prompts.parameters(_check_start(start, lm, recipe))]
        )
        train_probs, validation_probs = (
            prompts.probs(split.tokens) for split in (data.train, data.validation)
        )
        validation_rows = torch.arange(len(data.validation.labels), device="cpu")
        first = validation_probs(validation_rows[:1], thetas[0])

        def begin(theta: Tensor) -> Trainable:
            vectors = theta.detach().clone().requires_grad_()
            weights = first.new_zeros(n_classes, lm.n_tokens).requires_grad_()
            return Trainable(
                [vectors, weights],
                lambda rows: train_probs(rows, vectors) @ weights.T,
                lambda: validation_probs(validation_rows, vectors.detach()) @ weights.T,
                prompt=vectors,
            )

        labels = data.train.labels.to(first.device), data.validation.labels.to(first.device)
        found = [
            one
            for theta in thetas
            for one in train_at_each_rate(partial(begin, theta), labels, recipe, progress)
        ]
        with torch.no_grad():
            ends = [prompts.prompt(one.parameters[0]) for one in found]
            if not recipe.solve_heads:
                place = min(range(len(found)), key=lambda number: found[number].loss)
                head, converged = LinearHead(found[place].parameters[1]), found[place].converged
            else:
                tries = []
                for one, prompt in zip(found, ends, strict=True):
                    probs = (at_blank(lm, split.tokens, prompt) for split in (data.train, data.validation))
                    tries.append(solve_last(LinearHead(one.parameters[1]), *zip(probs, labels, strict=True)))
                place = best_place([one.accuracy for one in tries], [one.loss for one in found])
                head, converged = tries[place].head, found[place].converged and tries[place].converged
    best = found[place]
    return Tuned(lm, head, ends[place], best.history, best.learning_rate, converged)


def best_place(accuracies: Sequence[float], losses: Sequence[float]) -> int:
    """Which prompt is the best: the one of highest accuracy, of equals that of smallest loss.

    Args:
        accuracies: Of the solved heads on the validation texts.
        losses: Of the heads that the prompts were trained with, on the same texts.

    Returns:
        Its number.
    """
    return max(range(len(losses)), key=lambda number: (accuracies[number], -losses[number]))


def _check_start(start: Tensor, lm: MaskedLM, recipe: TuningRecipe) -> Tensor:
    expected = (recipe.n_prompt, lm.embedding_dim)
    found = as_tensor(start, "start", f"numbers of shape {expected}")
    if found.shape != expected:
        raise ValueError(
            f"start: expected shape (n_prompt, embedding_dim) = {expected}, got {tuple(found.shape)}"
        )
    return found
