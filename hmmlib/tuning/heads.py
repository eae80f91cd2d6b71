"""Tune a head on a frozen language model (the paper's Sections 3 and 4)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from hmmlib.heads import LinearHead, logistic_head
from hmmlib.lm import MaskedLM, Masking, Reading, check_sees_others, conditioned_on
from hmmlib.lm._modules import frozen
from hmmlib.lm._unchecked import after_prompt, at_blank, no_prompt
from hmmlib.lm.base import led_by_blanks
from hmmlib.lm.readings import check_reading
from hmmlib.tasks import Split, TaskData
from hmmlib.tuning._attention_training import AttentionTraining, ShownTexts
from hmmlib.tuning._inputs import check_inputs, check_solvable, count_classes
from hmmlib.tuning._training import Trainable, train_at_best_rate
from hmmlib.tuning.recipe import TuningRecipe
from hmmlib.tuning.tuned import Tuned

HeadKind = Literal["linear", "attention", "plain attention"]


def tune_head(
    lm: MaskedLM,
    data: TaskData,
    recipe: TuningRecipe,
    *,
    head: HeadKind = "linear",
    reading: Reading = "shown",
    masking: Masking | None = None,
    progress: bool = True,
) -> Tuned:
    """Train a head on what a frozen language model shows.

    The model is run once, and the head is trained on its outputs:

    - 'linear': the distribution at the blank before the text, one row of weights per class (Section 3). It
      starts from zero. With ``recipe.solve_heads`` it is `hmmlib.heads.logistic_head`, for two classes only.
    - 'attention': a `SoftAttentionHead` on the blank and all positions of the text, with the model's own
      embeddings of the words that are shown (Section 4). It starts from random numbers. With
      ``recipe.solve_heads`` AdamW trains from each of ``recipe.starts`` starts, and the three that are best
      on the validation texts go on by a hundred steps of L-BFGS, on all training texts at once; the best
      after any of these steps is kept. The loss has local minima, so that the best head there is may be
      another.
    - 'plain attention': the same without embeddings.

    Example:
        >>> from hmmlib import ExactMaskedLM, draw_dataset, draw_task, random_hmm, tune_head
        >>> from hmmlib.tuning import QUICK
        >>> hmm = random_hmm(4, 10, generator=1)
        >>> data = draw_dataset(draw_task(hmm, generator=1), generator=1, sizes=(200, 50, 50), length=16)
        >>> tuned = tune_head(ExactMaskedLM(hmm), data, QUICK, progress=False)
        >>> tuned.accuracy(data.test) > 0.9
        True

    Args:
        lm: The language model; it is left as it is.
        data: Labelled texts; those for testing are not looked at.
        recipe: How to train.
        head: What to train.
        reading: How an attention head's model is asked about the text: see
            `hmmlib.lm.text_probs`. A transformer that was trained with blanks only was never
            trained at words that it is shown: 'blanked' suits it. A causal model does not
            see the word that it predicts: 'shown' suits it, and is P[X_i | x_1, …, x_{i-1}].
        masking: What the model was trained under; for the reading 'read off' only.
        progress: Whether to show a bar.

    Returns:
        The head, and how it was found.

    Raises:
        TypeError: Not a language model, texts, or a recipe; or tokens or labels that are not integers.
        ValueError: An unknown head or reading, a reading for a linear head, a masking that does not suit the
            reading, shapes that do not fit, a token or label out of range, training labels of one class, or
            more than two classes for a linear head that is to be solved, or a causal model for a linear head.
        FloatingPointError: The loss is no longer finite; the message names the step.
    """
    data = check_inputs(lm, data, recipe)
    if head not in get_args(HeadKind):
        raise ValueError(f"head: expected one of {get_args(HeadKind)}, got {head!r}")
    check_reading(reading, masking)
    if head == "linear":
        if reading != "shown":
            raise ValueError(
                f"reading: a linear head reads the blank alone; expected 'shown', got {reading!r}"
            )
        check_sees_others(lm, "a head at the blank before a text")
        return _linear(lm, data, recipe, progress)
    if reading != "shown" and conditioned_on(lm) == "past":
        raise ValueError(
            "reading: a causal model does not see the word that it predicts; expected 'shown', got "
            f"{reading!r}"
        )
    length, other = data.train.tokens.shape[1], data.validation.tokens.shape[1]
    if other > length:
        raise ValueError(
            f"data.validation.tokens: texts of {other} tokens; an attention head learns the positions of the "
            f"training texts, which have {length}"
        )

    def shown(split: Split) -> ShownTexts:
        probs = after_prompt(lm, split.tokens, no_prompt(lm), 1, reading == "blanked", masking)
        seen = led_by_blanks(lm, split.tokens).to(probs.device)
        return ShownTexts(probs, seen, split.labels.to(probs.device))

    with torch.no_grad(), frozen(lm):
        train, validation = shown(data.train), shown(data.validation)
        embeddings = _embeddings(lm, train.probs) if head == "attention" else None
    training = AttentionTraining(train, validation, embeddings, lm.embedding_dim, count_classes(data))
    best, found = training.solve(recipe) if recipe.solve_heads else training.train(recipe, progress)
    return Tuned(lm, best, None, found.history, found.learning_rate, found.converged, reading, masking)


def _linear(lm: MaskedLM, data: TaskData, recipe: TuningRecipe, progress: bool) -> Tuned:
    n_classes = count_classes(data)
    check_solvable(recipe, n_classes)
    with torch.no_grad(), frozen(lm):
        probs = at_blank(lm, data.train.tokens, no_prompt(lm))
        labels = data.train.labels.to(probs.device)
        if recipe.solve_heads:
            fit = logistic_head(probs, labels)
            return Tuned(lm, fit.head, None, (), None, fit.converged)
        validation = at_blank(lm, data.validation.tokens, no_prompt(lm))

    def begin() -> Trainable:
        weights = probs.new_zeros(n_classes, lm.n_tokens, requires_grad=True)
        return Trainable(
            [weights], lambda rows: probs[rows.to(probs.device)] @ weights.T, lambda: validation @ weights.T
        )

    both = labels, data.validation.labels.to(probs.device)
    found = train_at_best_rate(begin, both, recipe, progress)
    head = LinearHead(found.parameters[0])
    return Tuned(lm, head, None, found.history, found.learning_rate, found.converged)


def _embeddings(lm: MaskedLM, like: Tensor) -> Tensor:
    """The model's embeddings of all words and, last, of the blank, shape (V + 1, embedding_dim)."""
    tokens = torch.tensor([*range(lm.n_tokens), lm.mask_token], device="cpu")
    return lm.embed(tokens[None])[0].to(like)
