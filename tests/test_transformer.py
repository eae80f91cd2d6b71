"""The trainable masked language model computes what its formulas say, and keeps the common interface."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hmmlib import (
    MaskedLM,
    TransformerConfig,
    TransformerMaskedLM,
    blank_probs,
    prepend_mask,
    prepend_prompt,
    text_probs,
)
from hmmlib.lm import transformer
from hmmlib.lm._layers import rotary_angles, rotate

ROTARY = TransformerConfig(width=8, n_layers=2, n_heads=2, feed_forward=12)
BERT = replace(ROTARY, positions="learned", norm="post", max_positions=12)
SHAPES = [replace(base, norm=norm) for base in (ROTARY, BERT) for norm in ("pre", "post")]
TOKENS = torch.tensor([[0, 4, 2, 5, 1, 3, 3], [1, 1, 5, 0, 4, 2, 0]])


def numbers(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def vivid(config, n_tokens=5, seed=0):
    """A model in double precision whose weights are all large: every part of it matters."""
    lm = TransformerMaskedLM(n_tokens, config).double()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in lm.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=random) * 0.7)
    return lm


@pytest.fixture(params=SHAPES, ids=lambda config: f"{config.positions}-{config.norm}")
def lm(request):
    return vivid(request.param)


def close(first, second, tolerance=1e-10):
    torch.testing.assert_close(first, second, atol=tolerance, rtol=0)


def by_hand(lm, text):
    """The logits of one text (time, width) from the formulas, in numpy: sums over heads and positions."""
    weights = {name: value.detach().numpy() for name, value in lm.state_dict().items()}
    config, time, size = lm.config, len(text), lm.config.width // lm.config.n_heads

    def linear(name, x):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + config.epsilon)
        return centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def gelu(x):
        return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    def turned(vector, position):
        half = size // 2
        points = vector[:half] + 1j * vector[half:]
        points = points * np.exp(1j * position * config.rotary_base ** (-2 * np.arange(half) / size))
        return np.concatenate([points.real, points.imag])

    def attend(layer, x):
        queries, keys, values = np.split(linear(f"{layer}.query_key_value", x), 3, -1)
        mixed = np.zeros_like(x)
        for head in range(config.n_heads):
            own = slice(head * size, (head + 1) * size)
            for i in range(time):
                query, others = queries[i, own], keys[:, own]
                if config.positions == "rotary":
                    query = turned(query, i)
                    others = np.array([turned(key, j) for j, key in enumerate(others)])
                attention = np.exp(others @ query / math.sqrt(size))
                mixed[i, own] = attention / attention.sum() @ values[:, own]
        return linear(f"{layer}.mix", mixed)

    def feed_forward(layer, x):
        return linear(f"{layer}.down", gelu(linear(f"{layer}.up", x)))

    x = text.detach().numpy()
    if config.positions == "learned":
        x = x + weights["positions.weight"][:time]
    if config.norm == "post":
        x = norm("norm", x)
    for layer in (f"layers.{k}" for k in range(config.n_layers)):
        if config.norm == "pre":
            x = x + attend(layer, norm(f"{layer}.attention_norm", x))
            x = x + feed_forward(layer, norm(f"{layer}.feed_forward_norm", x))
        else:
            x = norm(f"{layer}.attention_norm", x + attend(layer, x))
            x = norm(f"{layer}.feed_forward_norm", x + feed_forward(layer, x))
    if config.norm == "pre":
        x = norm("norm", x)
    x = norm("transform_norm", gelu(linear("transform", x)))
    return x @ weights["embedding.weight"][: lm.n_tokens].T + weights["bias"]


def test_it_computes_what_the_formulas_say(lm):
    embedded = lm.embed(TOKENS)
    found = lm.logits(embedded).detach()
    for text in range(2):
        close(found[text], torch.tensor(by_hand(lm, embedded[text])))
    close(lm.token_probs(embedded), found.softmax(-1).float(), 1e-6)


@given(
    first=st.integers(0, 40), second=st.integers(0, 40), shift=st.integers(0, 40), seed=st.integers(0, 1000)
)
def test_rotation_keeps_lengths_and_depends_on_distances_only(first, second, shift, seed):
    rows = numbers(2, 1, 6, seed=seed).expand(2, 81, 6)
    turned = rotate(rows, rotary_angles(81, 6, 100.0, rows))
    close(turned.norm(dim=-1), rows.norm(dim=-1))
    query, key = turned
    close(query[first] @ key[second], query[first + shift] @ key[second + shift])


def test_rotation_tells_distances_apart():
    rows = numbers(2, 1, 6).expand(2, 9, 6)
    query, key = rotate(rows, rotary_angles(9, 6, 10_000.0, rows))
    products = [float(query[4] @ key[j]) for j in range(9)]
    assert len({round(product, 6) for product in products}) == 9
    assert products[4] == pytest.approx(float(rows[0, 0] @ rows[1, 0]))


def test_with_rotary_positions_only_distances_matter(monkeypatch):
    lm, embedded = vivid(ROTARY), numbers(2, 7, 8)
    before = lm.logits(embedded)
    plain = transformer.rotary_angles
    monkeypatch.setattr(
        transformer,
        "rotary_angles",
        lambda time, *others: tuple(table[5:] for table in plain(time + 5, *others)),
    )
    close(lm.logits(embedded), before)


def test_every_position_matters_to_every_other(lm):
    embedded = lm.embed(TOKENS).detach()
    before = lm.logits(embedded)
    for position in range(7):
        changed = embedded.clone()
        changed[0, position, 0] += 0.5
        moved = (lm.logits(changed) - before).abs().amax(-1)
        assert (moved[0] > 1e-9).all()
        assert (moved[1] == 0).all()


def test_the_order_of_the_words_matters(lm):
    blank = torch.tensor([[5, 0, 4, 2], [5, 4, 0, 2], [0, 5, 4, 2]])
    logits = lm.logits(lm.embed(blank)).detach()
    assert float((logits[0, 0] - logits[1, 0]).abs().max()) > 1e-3
    assert float((logits[0, 0] - logits[2, 1]).abs().max()) > 1e-3


def test_texts_do_not_influence_each_other(lm):
    together = lm.token_probs(lm.embed(TOKENS))
    apart = torch.cat([lm.token_probs(lm.embed(text[None])) for text in TOKENS])
    close(together, apart, 1e-6)


def test_it_predicts_words_and_never_the_blank(lm):
    probs = lm.token_probs(lm.embed(torch.full((2, 4), lm.mask_token)))
    assert probs.shape == (2, 4, 5)
    assert probs.dtype == torch.float32
    assert (probs >= 0).all()
    close(probs.sum(-1), torch.ones(2, 4), 1e-6)


def test_it_is_a_masked_language_model(lm):
    assert isinstance(lm, MaskedLM)
    assert (lm.n_tokens, lm.mask_token, lm.embedding_dim) == (5, 5, 8)
    assert lm.device == torch.device("cpu")
    close(lm.embed([[5, 0]]).detach()[0], lm.embedding.weight.detach()[[5, 0]], 0)
    assert torch.equal(lm.embed(np.array([[1, 2]])), lm.embed([[1, 2]]))


def test_it_shows_its_predictions_at_blanks_and_behind_prompts(lm):
    texts, prompt = TOKENS[:, :4] % 5, numbers(2, 8, seed=1)
    probs = lm.token_probs(prepend_prompt(prompt, lm.embed(prepend_mask(lm, texts))))
    close(blank_probs(lm, texts, prompt), probs[:, 2], 0)
    close(text_probs(lm, texts, prompt), probs[:, 3:], 0)
    assert not torch.allclose(blank_probs(lm, texts), probs[:, 2], atol=1e-4)


def test_a_prompt_may_be_of_another_number_type():
    lm = TransformerMaskedLM(5, ROTARY)
    rows = lm.embed(TOKENS)
    assert torch.equal(lm.token_probs(rows.double()), lm.token_probs(rows))


@pytest.mark.parametrize("at_once", [1, 20, 21, 1000])
def test_without_gradients_it_works_in_pieces(monkeypatch, at_once):
    lm = vivid(ROTARY)
    embedded = numbers(5, 7, 8)
    whole = lm.token_probs(embedded).detach()
    monkeypatch.setattr(transformer, "_PIECE_POSITIONS", at_once)
    sizes = []
    plain = lm.logits
    monkeypatch.setattr(lm, "logits", lambda piece: sizes.append(len(piece)) or plain(piece))
    with torch.no_grad():
        close(lm.token_probs(embedded), whole, 1e-7)
    assert sizes == {1: [1] * 5, 20: [2, 2, 1], 21: [3, 2], 1000: [5]}[at_once]
    sizes.clear()
    close(lm.requires_grad_(False).token_probs(embedded), whole, 1e-7)
    assert len(sizes) == len({1: range(5), 20: range(3), 21: range(2), 1000: range(1)}[at_once])
    # Where gradients are kept, all is needed at once.
    sizes.clear()
    lm.bias.requires_grad_(True)
    lm.token_probs(embedded)
    lm.bias.requires_grad_(False)
    lm.token_probs(embedded.requires_grad_())
    assert sizes == [5, 5]


def test_gradients_reach_embeddings_and_every_weight(lm):
    embedded = lm.embed(TOKENS)
    embedded.retain_grad()
    lm.token_probs(embedded)[..., 0].sum().backward()
    assert (embedded.grad.abs().sum(-1) > 0).all()
    for name, parameter in lm.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_gradient_is_that_of_the_formula():
    lm = vivid(ROTARY).requires_grad_(False)
    start, direction = numbers(1, 4, 8), numbers(1, 4, 8, seed=3)
    embedded = start.clone().requires_grad_()
    lm.logits(embedded)[0, 1, 2].backward()
    ahead, behind = (lm.logits(start + step * direction)[0, 1, 2] for step in (1e-6, -1e-6))
    assert float((embedded.grad * direction).sum()) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-5)


def test_a_frozen_model_passes_gradients_on_and_keeps_none():
    lm = vivid(ROTARY).eval().requires_grad_(False)
    embedded = lm.embed(TOKENS).requires_grad_()
    lm.token_probs(embedded)[0, 0, 0].backward()
    assert embedded.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in lm.parameters())
    assert not lm.token_probs(lm.embed(TOKENS)).requires_grad


def test_dropout_is_for_training_only():
    lm = vivid(replace(ROTARY, dropout=0.5))
    with torch.random.fork_rng([]):
        first, second = lm.logits(lm.embed(TOKENS)), lm.logits(lm.embed(TOKENS))
    assert not torch.allclose(first, second)
    lm.eval()
    close(lm.logits(lm.embed(TOKENS)), lm.logits(lm.embed(TOKENS)), 0)
    undropped = TransformerMaskedLM(5, ROTARY).double()
    undropped.load_state_dict(lm.state_dict())
    close(lm.logits(lm.embed(TOKENS)), undropped.logits(undropped.embed(TOKENS)), 0)


def test_every_dropout_drops():
    # After the embeddings, on attention weights, and after each of the two parts of a layer.
    lm = vivid(replace(ROTARY, dropout=0.5, n_layers=1)).requires_grad_(False)
    embedded, layer, inputs = numbers(1, 6, 8), lm.layers[0], []
    layer.register_forward_hook(lambda _, given, __: inputs.append(given[0]))

    def kept(after, before):
        return {round(share, 6) for share in (after / before).flatten().tolist()}

    attended = layer.eval().attend(layer.attention_norm(embedded), None)
    fed = layer.feed_forward(layer.feed_forward_norm(embedded))
    nothing = torch.zeros_like(embedded)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        lm.train().logits(embedded)
        assert kept(inputs[0], embedded) == {0.0, 2.0}
        assert not torch.allclose(layer.attend(embedded, None), layer.attend(embedded, None))
        layer.attend, layer.feed_forward = (lambda *_: attended), (lambda _: nothing)
        assert kept(layer(embedded, None) - embedded, attended) == {0.0, 2.0}
        layer.attend, layer.feed_forward = (lambda *_: nothing), (lambda _: fed)
        assert kept(layer(embedded, None) - embedded, fed) == {0.0, 2.0}


@pytest.mark.parametrize("config", SHAPES[::3], ids=["rotary", "bert"])
def test_the_seed_makes_the_weights_and_nothing_else_does(config):
    before = torch.random.get_rng_state()
    first = TransformerMaskedLM(5, config, generator=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng([]):
        torch.manual_seed(99)
        again, other = (
            TransformerMaskedLM(5, config, generator=3),
            TransformerMaskedLM(5, config, generator=4),
        )
    weights, same, different = (dict(model.named_parameters()) for model in (first, again, other))
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    matrices = [name for name in weights if weights[name].ndim == 2]
    assert not any(torch.equal(weights[name], different[name]) for name in matrices)


def test_initial_weights_are_berts():
    lm = TransformerMaskedLM(30, TransformerConfig(positions="learned"))
    for name, parameter in lm.state_dict().items():
        if parameter.ndim == 2:
            assert float(parameter.std()) == pytest.approx(0.02, rel=0.1), name
            assert abs(float(parameter.mean())) < 0.002, name
        else:
            assert (parameter == (1 if "norm" in name and name.endswith("weight") else 0)).all(), name
    assert lm.training
    assert all(parameter.requires_grad for parameter in lm.parameters())


def test_a_new_model_predicts_all_words_nearly_equally():
    distribution = TransformerMaskedLM(5, ROTARY).token_probs(TransformerMaskedLM(5, ROTARY).embed(TOKENS))
    close(distribution.detach(), torch.full((2, 7, 5), 0.2), 0.05)


@pytest.mark.parametrize("config", SHAPES[::3], ids=["rotary", "bert"])
def test_weights_are_counted_once(config):
    # Per layer: four maps of attention, two of the feed-forward network, two normalisations.
    layer = 4 * (8 * 8 + 8) + (8 * 12 + 12) + (12 * 8 + 8) + 2 * (2 * 8)
    rest = 6 * 8 + 2 * 8 + (8 * 8 + 8) + 2 * 8 + 5
    learned = 12 * 8 if config.positions == "learned" else 0
    assert TransformerMaskedLM(5, config).n_parameters == 2 * layer + rest + learned


def test_learned_positions_come_to_an_end():
    lm = TransformerMaskedLM(5, BERT)
    assert lm.token_probs(torch.zeros(1, 12, 8)).shape == (1, 12, 5)
    with pytest.raises(ValueError, match=r"embeddings: 13 positions; .* max_positions = 12"):
        lm.token_probs(torch.zeros(1, 13, 8))
    TransformerMaskedLM(5, replace(ROTARY, max_positions=12)).token_probs(torch.zeros(1, 13, 8))


def test_it_says_what_it_is():
    assert repr(TransformerMaskedLM(5, ROTARY)).startswith(
        "TransformerMaskedLM(n_tokens=5, width=8, n_layers=2, n_heads=2, feed_forward=12,\n    positions='ro"
    )


def test_the_default_has_the_default_shape():
    assert TransformerMaskedLM(5).config == TransformerConfig()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"width": 0}, ValueError, "width: expected at least 1, got 0"),
        ({"n_layers": 0}, ValueError, "n_layers: expected at least 1, got 0"),
        ({"n_heads": -1}, ValueError, "n_heads: expected at least 1, got -1"),
        ({"feed_forward": 2.0}, TypeError, "feed_forward: expected an integer, got 2.0"),
        ({"max_positions": True}, TypeError, "max_positions: expected an integer, got True"),
        ({"rotary_base": 0.0}, ValueError, "rotary_base: expected a finite number > 0, got 0.0"),
        ({"epsilon": float("nan")}, ValueError, "epsilon: expected a finite number > 0, got nan"),
        ({"dropout": 1.0}, ValueError, "dropout: expected a number 0 ≤ dropout < 1, got 1.0"),
        ({"dropout": "a"}, TypeError, "dropout: expected a number 0 ≤ dropout < 1, got 'a'"),
        (
            {"positions": "sine"},
            ValueError,
            r"positions: expected one of \('rotary', 'learned'\), got 'sine'",
        ),
        ({"norm": "rms"}, ValueError, r"norm: expected one of \('pre', 'post'\), got 'rms'"),
        ({"n_heads": 3}, ValueError, "n_heads: expected a divisor of width = 8, got 3"),
        ({"n_heads": 8}, ValueError, "n_heads: rotary positions turn pairs .* to be even, got 1"),
    ],
)
def test_bad_shapes_are_named(change, error, message):
    with pytest.raises(error, match=f"^{message}"):
        replace(ROTARY, **change)


def test_learned_positions_need_no_pairs():
    assert TransformerMaskedLM(5, replace(BERT, n_heads=8)).embed([[1]]).shape == (1, 1, 8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda lm: lm.embed([[0, 6]]), ValueError, "tokens: sequence 0, position 1 holds 6; expected 0 … 5"),
        (
            lambda lm: lm.embed([[0, -1]]),
            ValueError,
            r"tokens: .* holds -1; .* \(the blank is mask_token = 5",
        ),
        (lambda lm: lm.embed([0, 1]), ValueError, r"tokens: expected shape \(batch, time\), got \(2,\)"),
        (lambda lm: lm.embed([[]]), ValueError, "tokens: expected at least one"),
        (lambda lm: lm.embed([[0.5]]), TypeError, "tokens: expected integers, got torch.float64"),
        (lambda lm: lm.token_probs([[1.0]]), TypeError, "embeddings: expected a tensor .*, got list"),
        (
            lambda lm: lm.token_probs(TOKENS),
            TypeError,
            "embeddings: expected a tensor of real numbers, got torch.int64",
        ),
        (
            lambda lm: lm.token_probs(torch.zeros(2, 3, 7)),
            ValueError,
            r"embeddings: expected shape \(batch, time, 8\), got \(2, 3, 7\)",
        ),
        (lambda lm: lm.token_probs(torch.zeros(3, 8)), ValueError, "embeddings: expected shape"),
        (lambda lm: lm.token_probs(torch.zeros(0, 3, 8)), ValueError, "embeddings: expected shape"),
        (lambda lm: lm.token_probs(torch.zeros(2, 0, 8)), ValueError, "embeddings: expected shape"),
        (lambda _: TransformerMaskedLM(0), ValueError, "n_tokens: expected at least 1, got 0"),
        (lambda _: TransformerMaskedLM(2.0), TypeError, "n_tokens: expected an integer, got 2.0"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call(TransformerMaskedLM(5, ROTARY))
