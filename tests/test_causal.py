"""Causal language models: exact ones are Bayes' rule for the next token, transformers see the past alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from tuning_cases import WARM, small_transformer, word_task

from hmmlib import (
    ExactMaskedLM,
    MaskedLM,
    PretrainingRecipe,
    Stage,
    TransformerConfig,
    TransformerMaskedLM,
    blank_probs,
    draw_held_out,
    evaluate,
    load_lm,
    posteriors,
    pretrain,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
    save_lm,
)
from hmmlib.lm import ExactCausalLM, conditioned_on
from hmmlib.tuning import CONVERGED, TuningRecipe, fine_tune, optimal_prompt, tune_head, tune_prompt

PLAIN = random_hmm(3, 4, generator=0)
MEMORY = random_memory_hmm(2, 2, 5, generator=1)
MODELS = {"plain": PLAIN, "memory": MEMORY, "single precision": PLAIN.to(dtype=torch.float32)}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def by_enumeration(model, evidence):
    """P[X_i | e_0, …, e_{i-1}] of one text, as sums over all paths of content and chain state."""
    chain = model.chain
    initial, step = chain.initial.double().numpy(), chain.transition.double().numpy()
    emission, columns = chain.emission.double().numpy(), chain.columns.numpy()
    rows = evidence.double().numpy()
    n_contents, n_states = initial.shape
    found = []
    for i in range(len(rows)):
        distribution = np.zeros(emission.shape[1])
        for content, path in product(range(n_contents), product(range(n_states), repeat=i + 1)):
            weight = initial[content, path[0]]
            for j in range(i):
                weight *= rows[j, columns[content, path[j]]] * step[path[j], path[j + 1]]
            distribution += weight * emission[columns[content, path[i]]]
        found.append(distribution / distribution.sum())
    return torch.from_numpy(np.array(found))


def test_the_exact_model_is_enumeration(model):
    lm = ExactCausalLM(model)
    assert isinstance(lm, MaskedLM)
    assert conditioned_on(lm) == "past"
    tokens = sample_tokens(model, 3, 5, generator=0)
    tokens[0, 2] = tokens[1, 0] = lm.mask_token  # blanks say nothing
    rows = lm.embed(tokens)
    rows[2, 1] = torch.rand(rows.shape[-1], generator=torch.Generator().manual_seed(1)) ** 4  # a soft prompt
    found = lm.token_probs(rows)
    tolerance = 1e-12 if found.dtype == torch.float64 else 1e-5
    for distribution, row in zip(found, rows, strict=True):
        torch.testing.assert_close(distribution.double(), by_enumeration(model, row), atol=tolerance, rtol=0)


def test_a_text_of_one_token_and_the_law_of_the_first(model):
    distribution = ExactCausalLM(model).token_probs(ExactCausalLM(model).embed([[0]]))[0, 0]
    torch.testing.assert_close(distribution, model.chain.initial.flatten() @ model.chain.flat_emission)


def test_surprise_adds_up_to_the_likelihood(model):
    lm = ExactCausalLM(model)
    tokens = sample_tokens(model, 4, 30, generator=3)
    probs = lm.token_probs(lm.embed(tokens)).double()
    found = probs.gather(-1, tokens[..., None])[..., 0].log().sum(1)
    expected = posteriors(model, tokens, keep=()).log_likelihood.double()
    rtol = 1e-4 if model is MODELS["single precision"] else 1e-10
    torch.testing.assert_close(found, expected, rtol=rtol, atol=1e-9)


def test_at_the_end_of_a_text_past_and_others_are_the_same():
    model = random_hmm(3, 4, generator=0, **WARM)
    tokens = sample_tokens(model, 4, 9, generator=3)
    tokens[:, -1] = model.n_tokens
    causal, masked = ExactCausalLM(model), ExactMaskedLM(model)
    one, other = (lm.token_probs(lm.embed(tokens)) for lm in (causal, masked))
    torch.testing.assert_close(one[:, -1], other[:, -1], atol=1e-12, rtol=0)
    assert (one[:, 3] - other[:, 3]).abs().max() > 1e-3


def test_gradients_are_right_and_reach_the_past_only():
    lm = ExactCausalLM(MEMORY)
    rows = lm.embed(sample_tokens(MEMORY, 2, 5, generator=0)).clone() + 0.1
    assert torch.autograd.gradcheck(lm.token_probs, rows.requires_grad_())
    (slope,) = torch.autograd.grad(lm.token_probs(rows)[:, 3, 0].sum(), rows)
    assert (slope[:, 3:] == 0).all()
    assert (slope[:, :3].abs().amax(-1) > 0).all()


@pytest.mark.parametrize("shape", [{}, {"positions": "learned", "norm": "post", "max_positions": 9}])
def test_a_causal_transformer_sees_the_past_and_no_more(shape):
    lm = small_transformer(causal=True, **shape).double()
    assert conditioned_on(lm) == lm.conditioned_on == "past"
    rows = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probs, logits = lm.token_probs(rows), lm(rows)
    for i in range(9):
        changed = rows.clone()
        changed[:, i] *= -1
        assert torch.equal(lm.token_probs(changed)[:, : i + 1], probs[:, : i + 1])
        moved = (lm(changed) - logits).abs().amax(-1)
        assert (moved[:, : i + 1] < 1e-12).all()
        assert (moved[:, i + 1 :] > 1e-9).all()
    # A prefix shows what the whole does.
    torch.testing.assert_close(lm.token_probs(rows[:, :4]), probs[:, :4])
    # The first distribution depends on nothing but the blank that the network reads there.
    torch.testing.assert_close(probs[0, 0], probs[1, 0])
    with torch.no_grad():
        lm.embedding.weight[lm.mask_token] *= -1
    assert (lm.token_probs(rows)[:, 0] - probs[:, 0]).abs().max() > 1e-4


def test_the_default_is_bidirectional_and_written_as_before(tmp_path):
    assert TransformerConfig() == TransformerConfig(causal=False)
    assert "causal" not in TransformerConfig().to_dict()
    assert "causal" not in repr(TransformerMaskedLM(5))
    causal = small_transformer(causal=True)
    assert "causal=True" in repr(causal)
    save_lm(causal, tmp_path / "lm")
    again = load_lm(tmp_path / "lm")[0]
    assert (again.config, again.conditioned_on) == (causal.config, "past")
    assert TransformerConfig.from_dict(causal.config.to_dict()) == causal.config


def test_calling_a_model_gives_its_logits():
    lm = small_transformer()
    rows, seen = lm.embed([[0, 5, 2]]), []
    with lm.register_forward_hook(lambda _, __, found: seen.append(found)):
        found = lm(rows)
    assert torch.equal(found, lm.logits(rows))
    assert seen[0] is found
    torch.testing.assert_close(found.softmax(-1), lm.token_probs(rows))
    with pytest.raises(TypeError, match=r"^embeddings: expected a tensor of real numbers, got torch.int64"):
        lm(torch.tensor([[0, 1]]))
    with pytest.raises(ValueError, match=r"^embeddings: expected shape \(batch, time, 16\), got \(3, 16\)"):
        lm(torch.ones(3, 16))


def test_held_out_text_for_causal_models():
    held_out = draw_held_out(PLAIN, generator=0, n_texts=300, length=20, conditioned_on="past")
    other = draw_held_out(PLAIN, generator=0, n_texts=300, length=20)
    assert torch.equal(held_out.tokens, other.tokens)
    assert held_out.masked.all()
    likelihood = posteriors(PLAIN, held_out.tokens, keep=()).log_likelihood
    assert held_out.exact_cross_entropy == pytest.approx(-float(likelihood.mean()) / 20, rel=1e-10)
    found = evaluate(ExactCausalLM(PLAIN), held_out)
    assert found.kl == pytest.approx(0, abs=1e-12)
    assert found.cross_entropy == pytest.approx(held_out.exact_cross_entropy, rel=1e-10)
    for lm, text, sees in ((ExactMaskedLM(PLAIN), held_out, "others"), (ExactCausalLM(PLAIN), other, "past")):
        with pytest.raises(
            ValueError, match=rf"^lm: predicts from the {sees}; the held-out distributions are cond"
        ):
            evaluate(lm, text)
    with pytest.raises(ValueError, match=r"^conditioned_on: expected one of .*, got 'future'"):
        draw_held_out(PLAIN, generator=0, conditioned_on="future")


def test_a_causal_transformer_learns_to_predict_the_next_token():
    # A cycle with noise: the past tells nearly all.
    turn = 0.9 * torch.eye(4, dtype=torch.float64).roll(1, 1) + 0.025
    model = type(PLAIN)([0.25] * 4, turn, 0.9 * torch.eye(4, dtype=torch.float64) + 0.025)
    recipe = PretrainingRecipe(
        transformer=TransformerConfig(width=16, n_layers=1, n_heads=2, feed_forward=32, causal=True),
        stages=(Stage(80, 16, 16),),
        warmup=10,
        learning_rate=1e-2,
    )
    held_out = draw_held_out(model, generator=0, n_texts=100, length=16, conditioned_on="past")
    found = pretrain(model, recipe, held_out=held_out, measure_every=40, progress=False)
    kl = found.history.column("kl")
    assert kl[-1] < 0.1 * kl[0]
    assert found.history.last.cross_entropy - held_out.exact_cross_entropy == pytest.approx(kl[-1], abs=0.03)
    assert found.history.measurements[-1].train_loss < 1.0  # of log 4 = 1.39
    masked = replace(recipe, transformer=replace(recipe.transformer, causal=False))
    with pytest.raises(ValueError, match=r"^lm: predicts from the others; the held-out distributions"):
        pretrain(model, masked, held_out=held_out, progress=False)
    one = replace(recipe, stages=(Stage(1, 2, 4),))
    assert pretrain(model, one, progress=False).held_out.conditioned_on == "past"


def test_heads_and_prompts_at_the_blank_refuse_causal_models():
    lm, data = small_transformer(causal=True), word_task(60)
    recipe = TuningRecipe(epochs=2, batch=32, learning_rates=(1e-2,), warmup=3, n_prompt=2)
    for ask in (
        lambda: blank_probs(lm, data.train.tokens),
        lambda: tune_head(lm, data, CONVERGED),
        lambda: tune_prompt(lm, data, recipe),
        lambda: fine_tune(lm, data, recipe),
        lambda: optimal_prompt(lm, data.train.tokens, data.train.labels, generator=0),
        lambda: tune_prompt(ExactCausalLM(random_hmm(3, 5, generator=0)), data, recipe),
    ):
        with pytest.raises(ValueError, match=r"^lm: \w+ predicts each token from those before it alone"):
            ask()


def test_attention_heads_read_what_a_causal_model_shows_of_the_text():
    lm, data = small_transformer(causal=True), word_task(200)
    recipe = TuningRecipe(solve_heads=True, starts=3)
    tuned = tune_head(lm, data, recipe, head="attention", progress=False)
    assert tuned.accuracy(data.test) > 0.9  # the class is the first word
    with pytest.raises(ValueError, match=r"^reading: a causal model does not see the word that it predicts"):
        tune_head(lm, data, recipe, head="attention", reading="blanked")
