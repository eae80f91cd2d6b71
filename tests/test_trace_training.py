"""Models learn to answer after a trace, on fresh sequences and on the same ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hmmlib import TransformerConfig, TransformerMaskedLM, random_hmm
from hmmlib.pretraining import ModuleRecipe
from hmmlib.reasoning import (
    TraceTask,
    answer_accuracy,
    fine_tune_on_traces,
    solution_log_probs,
    trace_gap,
    train_on_fresh_traces,
)

MODEL = random_hmm(3, 5, generator=1, transition_temperature=0.2, emission_temperature=0.1)
TASK = TraceTask(MODEL, 3, [2])
SHAPE = TransformerConfig(width=16, n_layers=1, n_heads=2, feed_forward=32, causal=True)
NEW = TransformerMaskedLM(TASK.n_tokens, SHAPE)
DATA = TASK.draw(8, generator=0)
TEST = TASK.draw(200, generator=1)
RECIPE = ModuleRecipe(steps=150, batch=16, learning_rate=1e-2, matrix_learning_rate=None, warmup=5)


def weights(lm):
    return torch.cat([parameter.detach().flatten() for parameter in lm.parameters()])


def test_fresh_sequences_teach_what_holds_for_new_ones():
    before = weights(NEW).clone()
    lm = train_on_fresh_traces(NEW, TASK, recipe=RECIPE)
    assert torch.equal(weights(NEW), before)
    assert not lm.training
    assert trace_gap(lm, TEST).mean() > trace_gap(NEW, TEST).mean() + 1
    right = [answer_accuracy(each, TEST, 2, generator=0).expected.mean() for each in (NEW, lm)]
    assert right[1] > right[0] + 0.2
    again = train_on_fresh_traces(NEW, TASK, recipe=RECIPE)
    assert torch.equal(weights(again), weights(lm))
    other = train_on_fresh_traces(NEW, TASK, recipe=replace(RECIPE, steps=2, seed=1))
    assert not torch.equal(
        weights(other), weights(train_on_fresh_traces(NEW, TASK, recipe=replace(RECIPE, steps=2)))
    )


def test_the_same_sequences_are_learnt_by_heart_and_new_ones_are_not():
    before = weights(NEW).clone()
    gaps = fine_tune_on_traces(
        NEW,
        DATA,
        lambda lm: (trace_gap(lm, DATA).mean(), trace_gap(lm, TEST).mean()),
        [0, 150],
        recipe=RECIPE,
    )
    assert torch.equal(weights(NEW), before)
    assert gaps[0][0] == trace_gap(NEW, DATA).mean()
    assert gaps[150][0] > 0 > gaps[150][1]


def test_it_is_looked_at_where_asked_as_if_training_had_ended_there():
    recipe = replace(RECIPE, steps=6)

    def look(lm):
        assert not lm.training
        return weights(lm).clone()

    seen = fine_tune_on_traces(NEW, DATA, look, (0, 2, 6), recipe=recipe)
    assert list(seen) == [0, 2, 6]
    assert torch.equal(seen[0], weights(NEW))
    assert not torch.equal(seen[2], seen[6])
    # To look more often changes nothing.
    assert torch.equal(fine_tune_on_traces(NEW, DATA, look, range(7), recipe=recipe)[6], seen[6])


def test_the_loss_is_that_of_traces_and_answers():
    # With one sequence alone, learnt by heart, they become certain; the words of the query do not.
    one = DATA.part(slice(1))
    (lm,) = fine_tune_on_traces(
        NEW, one, lambda lm: TransformerMaskedLM.requires_grad_(lm, False), [150], recipe=RECIPE
    ).values()
    assert solution_log_probs(lm, one).exp().min() > 0.9
    laws = lm.token_probs(lm.embed(one.sequences))[0]
    assert laws[range(3), one.queries[0]].max() < 0.9


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: train_on_fresh_traces(MODEL, TASK), TypeError, "^lm: expected a causal TransformerMaskedLM"),
        (lambda: train_on_fresh_traces(NEW, MODEL), TypeError, "^task: expected a TraceTask"),
        (
            lambda: train_on_fresh_traces(TransformerMaskedLM(5, SHAPE), TASK),
            ValueError,
            "^lm: has 5 words; expected the task's 11",
        ),
        (
            lambda: train_on_fresh_traces(TransformerMaskedLM(11, replace(SHAPE, causal=False)), TASK),
            ValueError,
            "^lm: predicts each token from all others; expected a causal transformer",
        ),
        (
            lambda: fine_tune_on_traces(
                TransformerMaskedLM(11, replace(SHAPE, positions="learned", max_positions=6)), DATA, id, [1]
            ),
            ValueError,
            "^lm: learns max_positions = 6; expected 7 or more",
        ),
        (lambda: fine_tune_on_traces(NEW, TASK, id, [1]), TypeError, "^data: expected TraceData"),
        (
            lambda: fine_tune_on_traces(NEW, DATA, id, [1, 151], recipe=RECIPE),
            ValueError,
            "^checkpoints: expected 0 … 150, entry 1 is 151",
        ),
        (lambda: fine_tune_on_traces(NEW, DATA, id, [2, 2]), ValueError, r"^checkpoints: .* got \[2, 2\]"),
        (
            lambda: fine_tune_on_traces(NEW, DATA, id, []),
            ValueError,
            "^checkpoints: expected a list of one or",
        ),
        (lambda: fine_tune_on_traces(NEW, DATA, id, [0.5]), TypeError, "^checkpoints: expected integers"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
