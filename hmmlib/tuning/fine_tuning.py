"""Train all weights of a language model with a linear head: what the paper compares tuning with."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from hmmlib.heads import LinearHead
from hmmlib.lm import MaskedLM, RememberedLM, check_sees_others
from hmmlib.lm._modules import frozen, module_of
from hmmlib.lm._unchecked import at_blank, no_prompt
from hmmlib.tasks import TaskData
from hmmlib.tuning._inputs import check_inputs, check_solvable, count_classes
from hmmlib.tuning._training import Trainable, solve_last, train_at_best_rate
from hmmlib.tuning.recipe import TuningRecipe
from hmmlib.tuning.tuned import Tuned


def fine_tune(lm: MaskedLM, data: TaskData, recipe: TuningRecipe, *, progress: bool = True) -> Tuned:
    """Train all weights of a copy of a language model together with a linear head.

    The head reads the distribution at the blank of (∅, x) and starts from zero. With ``recipe.solve_heads``
    it is solved in the end, on what the best weights show, and kept unless it gets fewer validation labels
    right. Weights want smaller learning rates than heads do, 1e-3
    rather than the paper's 1e-2 for prompts.

    Args:
        lm: The language model, a torch module or with one as its attribute `model`; it is left as it is.
        data: Labelled texts; those for testing are not looked at.
        recipe: How to train.
        progress: Whether to show a bar.

    Returns:
        The copy, frozen and without dropout, its head, and how they were found.

    Raises:
        TypeError: A language model without weights, such as an exact one; not a language model, texts, or a
            recipe; or tokens or labels that are not integers.
        ValueError: Shapes that do not fit, a token or label out of range, training labels of one class, more
            than two classes for a head that is to be solved, texts too long for the model, or a causal model.
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    data = check_inputs(lm, data, recipe)
    check_sees_others(lm, "a head at the blank before a text")
    n_classes = count_classes(data)
    check_solvable(recipe, n_classes)
    if module_of(lm) is None:
        raise TypeError(f"lm: {type(lm).__name__} has no weights to train; expected a torch module")
    # What the model showed before is of no use to weights that change.
    tuned = copy.deepcopy(lm.model if isinstance(lm, RememberedLM) else lm)
    module = module_of(tuned)
    assert module is not None
    trained = list(module.requires_grad_().parameters())
    initial = [weight.detach().clone() for weight in trained]
    device = trained[0].device

    def shown(texts: Tensor) -> Tensor:
        return at_blank(tuned, texts, no_prompt(tuned))

    def begin() -> Trainable:
        with torch.no_grad():
            for weight, value in zip(trained, initial, strict=True):
                weight.copy_(value)
        head = torch.zeros(n_classes, tuned.n_tokens, dtype=torch.float32, device=device, requires_grad=True)

        def train_values(rows: Tensor) -> Tensor:
            module.train()
            texts = data.train.tokens[rows.to(data.train.tokens.device)]
            return shown(texts).to(head) @ head.T

        def validation_values() -> Tensor:
            with frozen(tuned):
                return shown(data.validation.tokens).to(head) @ head.T

        return Trainable([*trained, head], train_values, validation_values)

    labels = data.train.labels.to(device), data.validation.labels.to(device)
    # Dropout draws from torch's global generator, which is left as it was.
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(recipe.seed)
        found = train_at_best_rate(begin, labels, recipe, progress)
    *weights, head_weights = found.parameters
    with torch.no_grad():
        for weight, value in zip(trained, weights, strict=True):
            weight.copy_(value)
            weight.grad = None
    module.eval().requires_grad_(False)
    head, converged = LinearHead(head_weights), found.converged
    if recipe.solve_heads:
        probs = (shown(split.tokens) for split in (data.train, data.validation))
        last = solve_last(head, *zip(probs, labels, strict=True))
        head, converged = last.head, converged and last.converged
    return Tuned(tuned, head, None, found.history, found.learning_rate, converged)
