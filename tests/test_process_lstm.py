"""A recurrent network on texts of a process: exact probabilities, and how its training goes and ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from hmmlib.processes import (
    TraceLSTM,
    TraceRecipe,
    act,
    draw_log,
    parallel,
    process_scores,
    seq,
    train_traces,
    training_law,
    variants,
    xor,
)

TREE = seq(act("a"), parallel(act("b"), act("c")), xor(act("d"), act("e")))
ALL = variants(TREE)
SIZE = len(ALL.names)
COUNTS = torch.full((4,), 30)


def network(n_tokens=SIZE, **others):
    return TraceLSTM(n_tokens, **({"width": 8, "generator": 0} | others))


def fit(model, recipe=None, counts=COUNTS, validation=COUNTS, generator=0):
    return train_traces(
        model,
        ALL.tokens,
        counts,
        validation_tokens=ALL.tokens,
        validation_counts=validation,
        generator=generator,
        recipe=recipe,
    )


@pytest.mark.parametrize("n_layers", [1, 2])
def test_theorem_texts_and_beginnings_have_the_probability_one_together(n_layers):
    model = network(4, n_layers=n_layers, dropout=0.4)
    texts = []
    for text in itertools.product(range(4), repeat=5):
        ended = text.index(3) if 3 in text else 5
        if set(text[ended:]) <= {3}:
            texts.append(text)
    found = model.log_probs(texts).exp()
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    ended = torch.tensor(texts)[:, -1] == 3
    assert 0 < float(found[ended].sum()) < 1


def test_variants_have_the_probability_one_at_most():
    model = network()
    assert 0 < float(model.log_probs(ALL.tokens).exp().sum()) < 1
    assert float(fit(model, TraceRecipe(epochs=9)).model.log_probs(ALL.tokens).exp().sum()) < 1 + 1e-6


def test_a_texts_probability_is_the_product_of_one_step_after_another():
    model = network(n_layers=2)
    for text, log_prob in zip(ALL.tokens.tolist(), model.log_probs(ALL.tokens), strict=True):
        steps = [float(model(torch.tensor([text[: i + 1]])).detach()[0, i, text[i]]) for i in range(5)]
        assert sum(steps) == pytest.approx(float(log_prob), abs=1e-5)


def test_what_comes_later_changes_nothing_before():
    model = network()
    one, other = model(torch.tensor([[0, 1, 2], [0, 1, 4]])).detach()
    assert one.equal(other)  # the last token is predicted, never read
    changed = model(torch.tensor([[0, 3, 2]])).detach()[0]
    assert changed[:2].equal(one[:2])
    assert not changed[2].equal(one[2])


def test_padding_counts_for_nothing():
    model = network()
    longer = torch.cat([ALL.tokens, torch.full((4, 3), SIZE - 1)], 1)
    torch.testing.assert_close(model.log_probs(longer), model.log_probs(ALL.tokens))


def test_weights_start_as_keras_has_them():
    model = network(width=16, n_layers=2)
    for (kernel, recurrent), layer in zip(model.kernels(), model.layers, strict=True):
        bound = (6 / sum(kernel.shape)) ** 0.5
        assert 0.8 * bound < float(kernel.detach().abs().max()) <= bound
        torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(16))
        assert layer.bias_ih_l0.tolist() == [0.0] * 16 + [1.0] * 16 + [0.0] * 32
        assert not layer.bias_hh_l0.any()
    assert all(map(torch.equal, model.parameters(), network(width=16, n_layers=2).parameters()))
    assert not all(
        map(torch.equal, model.parameters(), network(width=16, n_layers=2, generator=1).parameters())
    )


def test_what_is_dropped_is_drawn_anew_for_each_prediction():
    model = network(dropout=0.5)
    random = torch.Generator().manual_seed(0)
    one, other = model(ALL.tokens, random).detach(), model(ALL.tokens, random).detach()
    assert not one.equal(other)
    assert model(ALL.tokens).detach().equal(model(ALL.tokens).detach())
    # Differences of logarithms are linear in the hidden vector, and in the mean nothing is dropped.
    with torch.no_grad():
        drawn = torch.stack([model(ALL.tokens, random)[:, 1:] for _ in range(2000)])
        gaps, expected = drawn.diff(dim=-1), model(ALL.tokens)[:, 1:].diff(dim=-1)
    assert float(gaps.std(0).min()) > 0
    assert float(((gaps.mean(0) - expected) / gaps.std(0)).abs().max()) < 5 / 2000**0.5


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_training_lowers_the_loss_in_a_few_steps(dropout):
    model = network(dropout=dropout)
    before = [value.clone() for value in model.parameters()]
    found = fit(model, TraceRecipe(epochs=3, batch=64))
    assert all(map(torch.equal, model.parameters(), before))
    assert len(found.losses) == len(found.validation) == found.best_epoch == 3
    assert found.validation.diff().max() < 0
    assert not found.model.training
    again = fit(model, TraceRecipe(epochs=3, batch=64))
    assert again.losses.equal(found.losses)
    assert not fit(model, TraceRecipe(epochs=3, batch=64), generator=1).losses.equal(found.losses)


def test_enough_training_finds_the_training_law():
    law = training_law(ALL.probs, [0])
    counts = (law * 300).round().long()
    found = fit(network(width=16), TraceRecipe(epochs=30), counts, counts)
    scores = process_scores(found.model.log_probs(ALL.tokens).exp(), ALL.probs, [0])
    assert scores.fit > 0.9
    assert scores.legal > 0.95


def test_texts_of_a_variant_count_as_often_as_they_come():
    how = TraceRecipe(epochs=1, batch=10_000, learning_rate=1e-9)
    counts = torch.tensor([5, 0, 2, 1])
    model = network()
    found = fit(model, how, counts, counts)
    nats = -(model.log_probs(ALL.tokens) * counts).sum() / (8 * 5)
    assert float(found.losses[0]) == pytest.approx(float(nats), abs=1e-5)
    assert float(found.validation[0]) == pytest.approx(float(nats), abs=1e-5)


def test_the_penalty_is_in_both_losses():
    how = TraceRecipe(epochs=1, batch=10_000, learning_rate=1e-9, penalty=0.01)
    model = network()
    weights = torch.cat([weight.detach().flatten() for pair in model.kernels() for weight in pair]).double()
    expected = 0.01 * float((weights.abs() + weights.square()).sum())
    plain = fit(model, TraceRecipe(epochs=1, batch=10_000, learning_rate=1e-9))
    found = fit(model, how)
    assert float((found.losses - plain.losses)[0]) == pytest.approx(expected, abs=1e-4)
    assert float((found.validation - plain.validation)[0]) == pytest.approx(expected, abs=1e-4)


def test_a_penalty_makes_weights_small():
    strong, none = (
        fit(network(), TraceRecipe(penalty=0.01, epochs=20)),
        fit(network(), TraceRecipe(epochs=20)),
    )
    sizes = [
        sum(float(weight.detach().abs().sum()) for pair in found.model.kernels() for weight in pair)
        for found in (strong, none)
    ]
    assert sizes[0] < sizes[1] / 2


def test_training_ends_when_validation_gets_worse_and_the_best_is_kept():
    shown, held = torch.tensor([50, 0, 0, 0]), torch.tensor([0, 0, 0, 50])
    found = fit(network(), TraceRecipe(epochs=100, patience=4, learning_rate=0.02), shown, held)
    assert len(found.losses) == found.best_epoch + 4
    best = float(found.validation.min())
    assert float(found.validation[found.best_epoch - 1]) == best
    kept = -float((found.model.log_probs(ALL.tokens) * held).sum()) / (50 * 5)
    assert kept == pytest.approx(best, abs=1e-5)


def test_the_step_is_halved_where_nothing_is_gained():
    # So small a step gains less than Keras asks for, whatever comes; it is halved after each epoch.
    how = {"epochs": 6, "patience": 10, "learning_rate": 1e-7, "batch": 10_000}
    halved = fit(network(), TraceRecipe(halving=1, **how)).losses
    whole = fit(network(), TraceRecipe(halving=100, **how)).losses
    assert halved[:2].equal(whole[:2])  # the first epoch has nothing to compare with
    assert float(whole[0] - whole[-1]) > float(halved[0] - halved[-1])


def test_what_is_left_out_comes_back_with_dropout_and_penalty_on_a_small_process():
    # Orders of three: a network without either hardly gives them back.
    tree = seq(act("a"), parallel(*map(act, "bcde")), act("f"))
    found = variants(tree)
    left_out = [1, 6, 11, 16, 21]
    law = training_law(found.probs, left_out)
    log, held = draw_log(law, 800, generator=1), draw_log(law, 200, generator=2)
    scores = {}
    for name, dropout, penalty in (("none", 0.0, 0.0), ("both", 0.4, 1e-3)):
        trained = train_traces(
            TraceLSTM(7, width=16, dropout=dropout, generator=0),
            found.tokens,
            log,
            validation_tokens=found.tokens,
            validation_counts=held,
            generator=0,
            recipe=TraceRecipe(penalty=penalty, epochs=60, batch=512),
        )
        q = trained.model.log_probs(found.tokens).exp()
        scores[name] = process_scores(q, found.probs, left_out).generalisation
    assert scores["both"] > scores["none"] + 0.1


def test_defaults_of_torch_do_not_matter():
    expected = fit(network(dropout=0.2), TraceRecipe(epochs=2)).losses
    torch.set_default_dtype(torch.float64)
    try:
        found = fit(network(dropout=0.2), TraceRecipe(epochs=2)).losses
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.equal(expected)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: network(1), ValueError, "n_tokens: expected at least 2, got 1"),
        (lambda: network(width=0), ValueError, "width: expected at least 1"),
        (lambda: network(n_layers=0), ValueError, "n_layers: expected at least 1"),
        (lambda: network(dropout=1.0), ValueError, "dropout: expected a number"),
        (lambda: network(generator=None), TypeError, "generator: expected"),
        (lambda: network().log_probs([[0, 99]]), ValueError, "tokens: expected words 0 … 5, row 0 has 99"),
        (lambda: network().log_probs([[5, 0]]), ValueError, r"tokens: expected only END \(5\) after END"),
        (lambda: fit("network"), TypeError, "model: expected a TraceLSTM"),
        (lambda: fit(network(), "recipe"), TypeError, "recipe: expected a TraceRecipe"),
        (lambda: fit(network(), counts=[1, 2]), ValueError, r"counts: expected shape \(4,\), one per text"),
        (lambda: fit(network(), counts=[1.5] * 4), TypeError, "counts: expected integers"),
        (lambda: fit(network(), counts=[0] * 4), ValueError, "counts: expected one above 0, got none"),
        (
            lambda: fit(network(), validation=[1, -1, 0, 0]),
            ValueError,
            "validation_counts: expected numbers of at least 0, entry 1 is -1",
        ),
        (
            lambda: train_traces(
                network(), ALL.tokens, COUNTS, validation_tokens=[[9]], validation_counts=[1], generator=0
            ),
            ValueError,
            "validation_tokens: expected words 0 … 5, row 0 has 9",
        ),
        (lambda: TraceRecipe(penalty=-1), ValueError, "penalty: expected at least 0, got -1"),
        (lambda: TraceRecipe(epochs=0), ValueError, "epochs: expected at least 1"),
        (lambda: TraceRecipe(batch=0), ValueError, "batch: expected at least 1"),
        (lambda: TraceRecipe(patience=0), ValueError, "patience: expected at least 1"),
        (lambda: TraceRecipe(halving=0), ValueError, "halving: expected at least 1"),
        (lambda: TraceRecipe(learning_rate=0.0), ValueError, "learning_rate: expected a finite number > 0"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_loss_that_is_not_finite_is_named():
    broken = network()
    with torch.no_grad():
        broken.answer.bias.fill_(np.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan in epoch 1 of 600"):
        fit(broken)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_copies_of_a_text_differ_in_what_is_dropped_and_in_nothing_else(n_layers):
    model, copies = network(n_layers=n_layers, dropout=0.5), torch.tensor([2, 0, 2, 2])
    with torch.no_grad():
        assert model.nats(ALL.tokens, copies=copies).equal(model.nats(ALL.tokens)[copies])
        drawn, other = (torch.Generator().manual_seed(0) for _ in range(2))
        found, alone = model.nats(ALL.tokens, drawn, copies), model.nats(ALL.tokens[copies], other)
    torch.testing.assert_close(found, alone)
    assert len(found.unique()) == 4


def test_every_epoch_is_reported_with_the_network_as_it_is_then():
    seen = []
    found = train_traces(
        network(),
        ALL.tokens,
        COUNTS,
        validation_tokens=ALL.tokens,
        validation_counts=COUNTS,
        generator=0,
        recipe=TraceRecipe(epochs=4),
        on_epoch=lambda epoch, model: seen.append((epoch, model.log_probs(ALL.tokens))),
    )
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert seen[found.best_epoch - 1][1].equal(found.model.log_probs(ALL.tokens))
