"""Blocked HMMs made by a network, and an LSTM: exact losses, exact gradients, training."""

from __future__ import annotations

import pytest
import torch
from words_cases import CLASSES, small_sentences

from hmmlib.hmm import log_likelihood, sample_tokens
from hmmlib.words import (
    LSTMLanguageModel,
    NeuralBlockedHMM,
    NeuralShape,
    Sentences,
    TrainingRecipe,
    perplexity,
    random_blocked_hmm,
    train_lstm,
    train_neural_hmm,
)

QUICK = TrainingRecipe(epochs=3, batch_tokens=200)


def dense_loss(model: NeuralBlockedHMM, sentences: Sentences, keep: torch.Tensor | None) -> torch.Tensor:
    """Nats per word by the dense recursion, differentiated by autograd."""
    logs = model.log_tables(keep)
    k = logs.initial.shape[1]
    moves = logs.moves.exp().view(3, 3, k, k).transpose(1, 2).reshape(3 * k, 3 * k)
    own = torch.nn.functional.one_hot(CLASSES, 3).to(logs.emission)  # (V, M)
    emission = (own[:, :, None] * logs.emission.exp()[:, None]).reshape(7, 3 * k)
    seen = emission[sentences.tokens]
    found = log_likelihood(logs.initial.exp().view(-1), moves, seen, sentences.lengths)
    return -found.sum() / sentences.n_tokens


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("tied", [True, False])
def test_loss_and_gradients_are_those_of_the_dense_hmm_with_the_states_that_are_there(dropout, tied):
    model = NeuralBlockedHMM(CLASSES, 12, width=8, dropout=dropout, tied=tied, generator=0).double()
    with torch.no_grad():
        model.start += torch.linspace(-1, 1, 8)
    sentences = small_sentences(0, 20)
    loss = model.loss(sentences, torch.Generator().manual_seed(3))
    loss.backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    keep = model.drop_states(torch.Generator().manual_seed(3))
    assert (keep is None) == (dropout == 0)
    reference = dense_loss(model, sentences, keep)
    reference.backward()
    assert float(loss.detach()) == pytest.approx(float(reference.detach()), abs=1e-12)
    for name, parameter in model.named_parameters():
        assert found[name] == pytest.approx(parameter.grad, abs=1e-12), name


def test_each_class_keeps_as_many_states_all_as_often():
    model = NeuralBlockedHMM(CLASSES, 12, dropout=0.5, generator=0)
    random = torch.Generator().manual_seed(0)
    kept = torch.stack([model.drop_states(random) for _ in range(2000)])
    assert kept.shape == (2000, 3, 2)
    assert bool((kept[..., 0] < kept[..., 1]).all())
    for own in range(3):
        assert kept[:, own].reshape(-1).bincount() / 2000 == pytest.approx(torch.full((4,), 0.5), abs=0.05)


def test_its_tables_are_a_blocked_hmm():
    model = NeuralBlockedHMM(CLASSES, 6, generator=1)
    blocked = model.to_blocked()
    assert blocked.transition.sum(1) == pytest.approx(torch.ones(6), abs=1e-6)
    assert blocked.initial.sum() == pytest.approx(1, abs=1e-6)
    for own in range(3):
        assert blocked.emission[own == CLASSES].sum(0) == pytest.approx(torch.ones(2), abs=1e-6)
    sentences = small_sentences()
    assert model.log_probs(sentences) == pytest.approx(blocked.log_probs(sentences))


def source_texts(seed: int) -> tuple[torch.Tensor, list[Sentences]]:
    source = random_blocked_hmm(3, 3, 4, generator=seed)
    dense = source.dense()
    texts = [
        Sentences(sample_tokens(dense, n, 15, generator=seed + part), torch.full((n,), 15))
        for part, n in enumerate((200, 100))
    ]
    return source.classes, texts


def test_training_lowers_the_loss_and_keeps_the_best_epoch():
    classes, (text, held) = source_texts(0)
    done = train_neural_hmm(
        text, 9, classes, validation=held, generator=0, shape=NeuralShape(width=16), recipe=QUICK
    )
    assert done.losses[-1] < done.losses[0]
    assert done.best_epoch == int(done.validation.argmin()) + 1
    assert perplexity(done.model, held) == pytest.approx(float(done.validation.min()), rel=1e-6)
    again = train_neural_hmm(
        text, 9, classes, validation=held, generator=0, shape=NeuralShape(width=16), recipe=QUICK
    )
    assert again.validation.tolist() == done.validation.tolist()


def test_training_ends_after_twice_the_patience():
    classes, (text, held) = source_texts(1)
    recipe = TrainingRecipe(epochs=40, batch_tokens=200, learning_rate=0.2, patience=1)
    done = train_neural_hmm(text, 9, classes, validation=held, generator=0, recipe=recipe)
    assert len(done.validation) == done.best_epoch + 2 < 40


def test_the_lstm_gives_distributions_and_learns():
    _, (text, held) = source_texts(2)
    done = train_lstm(text, 12, validation=held, generator=0, width=16, recipe=QUICK)
    assert perplexity(done.model, held) < 12
    assert done.losses[-1] < done.losses[0]
    every = Sentences(torch.cartesian_prod(torch.arange(12), torch.arange(12)), torch.full((144,), 2))
    assert float(done.model.log_probs(every).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_the_lstm_reads_nothing_behind_the_end():
    model = LSTMLanguageModel(7, width=8, generator=0)
    sentences = small_sentences(3, 12)
    other = sentences._replace(tokens=sentences.tokens.clone())
    beyond = torch.arange(8) >= sentences.lengths[:, None]
    other.tokens[beyond] = 6
    assert model.log_probs(other).tolist() == model.log_probs(sentences).tolist()
    alone = torch.cat([model.log_probs(sentences.part(slice(i, i + 1))) for i in range(12)])
    assert alone == pytest.approx(model.log_probs(sentences), abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": 1.0}, r"dropout: expected a number 0 ≤ dropout < 1"),
        ({"dropout": 0.8}, "dropout: 0.8 leaves none of the 2 states of a class"),
        ({"n_states": 8}, "n_states: expected a multiple of the 3 classes"),
        ({"width": 0}, "width: expected at least 1"),
    ],
)
def test_wrong_networks_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        NeuralBlockedHMM(**({"classes": CLASSES, "n_states": 6, "generator": 0} | changes))


@pytest.mark.parametrize("name", ["epochs", "batch_tokens", "patience", "learning_rate", "clip"])
def test_wrong_recipes_are_named(name):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        TrainingRecipe(**{name: 0})
