"""The exact language model: embeddings in, conditionals out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib import (
    ExactMaskedLM,
    MaskedLM,
    blank_probs,
    posteriors,
    prepend_mask,
    prepend_prompt,
    random_hmm,
    random_memory_hmm,
    sample_tokens,
    text_probs,
)
from hmmlib.lm import conditioned_on

MODELS = [
    random_hmm(6, generator=0),
    random_memory_hmm(2, 3, generator=1),
    random_memory_hmm(2, 2, generator=2, n_cells=2),
]


@pytest.fixture(params=MODELS, ids=repr)
def lm(request):
    return ExactMaskedLM(request.param)


def close(first, second, tolerance=1e-12):
    torch.testing.assert_close(first, second, atol=tolerance, rtol=0)


def test_it_is_a_masked_language_model(lm):
    assert isinstance(lm, MaskedLM)
    assert lm.n_tokens == lm.mask_token == 10
    assert lm.embedding_dim == len(lm.model.chain.emission)


def test_something_else_is_not():
    assert not isinstance(MODELS[0], MaskedLM)


def test_a_language_model_of_ones_own_is_one():
    class Uniform:
        n_tokens, mask_token, embedding_dim = 3, 3, 1

        def embed(self, tokens):
            return torch.ones(*tokens.shape, 1)

        def token_probs(self, embeddings):
            return torch.full((*embeddings.shape[:2], 3), 1 / 3)

    assert isinstance(Uniform(), MaskedLM)
    assert prepend_mask(Uniform(), [[0, 2]]).tolist() == [[3, 0, 2]]
    assert conditioned_on(Uniform()) == "others"
    lm = Uniform()
    lm.conditioned_on = "past"
    assert isinstance(lm, MaskedLM)
    assert conditioned_on(lm) == "past"
    with pytest.raises(ValueError, match=r"^lm: Uniform predicts each token from those before it alone"):
        blank_probs(lm, [[0, 2]])
    assert text_probs(lm, [[0, 2]]).shape == (1, 2, 3)
    lm.conditioned_on = "future"
    with pytest.raises(ValueError, match=r"conditioned_on = 'future'; expected one of \('others', 'past'\)"):
        blank_probs(lm, [[0, 2]])


def test_the_embedding_dimension_is_the_number_of_emission_columns():
    assert [ExactMaskedLM(model).embedding_dim for model in MODELS] == [6, 6, 8]


def test_embeddings_are_likelihoods_and_the_blanks_is_all_ones(lm):
    rows = lm.embed(torch.arange(11)[None])[0]
    assert torch.equal(rows[:10], lm.model.chain.emission.T)
    assert torch.equal(rows[10], torch.ones(lm.embedding_dim, dtype=torch.float64))


def test_predictions_are_the_conditionals_of_the_text(lm):
    tokens = sample_tokens(lm.model, 5, 20, generator=0)
    blank = torch.rand(5, 20, generator=torch.Generator().manual_seed(0)) < 0.2
    found = lm.token_probs(lm.embed(torch.where(blank, lm.mask_token, tokens)))
    expected = posteriors(lm.model, tokens, observed=~blank).conditionals
    assert found.shape == (5, 20, 10)
    close(found, expected)


def test_a_prediction_does_not_see_its_own_token(lm):
    tokens = sample_tokens(lm.model, 3, 9, generator=0)
    masked = tokens.clone()
    masked[:, 4] = lm.mask_token
    close(lm.token_probs(lm.embed(tokens))[:, 4], lm.token_probs(lm.embed(masked))[:, 4])


def test_with_nothing_known_the_prediction_is_the_marginal():
    lm = ExactMaskedLM(MODELS[0])
    close(lm.token_probs(lm.embed([[lm.mask_token]]))[0, 0], lm.model.initial @ lm.model.emission)


def test_the_scale_of_a_soft_prompt_does_not_matter(lm):
    rows = lm.embed(sample_tokens(lm.model, 2, 6, generator=0))
    prompt = torch.rand(
        2, 1, lm.embedding_dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    one, many = (lm.token_probs(torch.cat([scale * prompt, rows], 1)) for scale in (1.0, 1e6))
    close(one, many)


def test_a_soft_prompt_that_names_a_state_conditions_on_it():
    lm = ExactMaskedLM(MODELS[0])
    rows = lm.embed([[lm.mask_token, lm.mask_token]])
    rows[0, 0] = torch.eye(6, dtype=torch.float64)[4]
    close(lm.token_probs(rows)[0, 1], lm.model.transition[4] @ lm.model.emission)


def test_a_soft_prompt_conditions_the_memory_throughout():
    lm = ExactMaskedLM(MODELS[1])
    prompt = torch.tensor([[[1.0] * 3 + [0.0] * 3]], dtype=torch.float64)  # value 0 in any syntax state
    found = lm.token_probs(torch.cat([prompt, lm.embed([[lm.mask_token] * 4])], 1))
    model = lm.model
    distribution = model.initial[0, 0] / model.initial[0, 0].sum()
    for t in range(1, 5):
        distribution = distribution @ model.transition
        close(found[0, t], distribution @ model.emission[0, 0])


def test_embeddings_may_be_float32(lm):
    rows = lm.embed(sample_tokens(lm.model, 2, 6, generator=0)).clamp_min(1e-6)
    close(lm.token_probs(rows.float()), lm.token_probs(rows), 1e-5)


def test_changing_an_embedding_does_not_change_the_model(lm):
    before = lm.token_probs(lm.embed([[0, 1]]))
    lm.embed([[0, 1]]).zero_()
    close(lm.token_probs(lm.embed([[0, 1]])), before, 0)


def test_it_says_what_it_is():
    assert repr(ExactMaskedLM(MODELS[0])) == "ExactMaskedLM(HMM(n_states=6, n_tokens=10))"


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_the_mask_is_put_before_each_text(lm, kind):
    assert prepend_mask(lm, kind([[1, 2], [3, 4]])).tolist() == [[10, 1, 2], [10, 3, 4]]


def test_as_many_masks_as_asked(lm):
    assert prepend_mask(lm, [[1, 2]], 3).tolist() == [[10, 10, 10, 1, 2]]
    assert prepend_mask(lm, [[1, 2]], 0).tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="count: expected at least 0, got -1"):
        prepend_mask(lm, [[1, 2]], -1)


def test_a_prompt_is_put_before_each_text(lm):
    prompt = torch.rand(2, lm.embedding_dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    embeddings = lm.embed([[1, 2], [3, 4]])
    prompted = prepend_prompt(prompt, embeddings)
    assert torch.equal(prompted[:, 2:], embeddings)
    assert torch.equal(prompted[:, :2], torch.stack([prompt, prompt]))
    with pytest.raises(ValueError, match=r"prompt: expected shape \(k, \d\), as of the embeddings, got"):
        prepend_prompt(prompt[:, 1:], embeddings)


def test_what_is_shown_at_the_blank_and_at_the_text(lm):
    texts = sample_tokens(lm.model, 5, 7, generator=0)
    prompt = 0.1 + torch.rand(
        2, lm.embedding_dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    probs = lm.token_probs(lm.embed(prepend_mask(lm, texts)))
    assert torch.equal(blank_probs(lm, texts), probs[:, 0])
    assert torch.equal(text_probs(lm, texts), probs[:, 1:])
    prompted = lm.token_probs(prepend_prompt(prompt, lm.embed(prepend_mask(lm, texts))))
    assert torch.equal(blank_probs(lm, texts, prompt), prompted[:, 2])
    assert torch.equal(text_probs(lm, texts, prompt), prompted[:, 3:])
    three = lm.token_probs(prepend_prompt(prompt, lm.embed(prepend_mask(lm, texts, 3))))
    assert torch.equal(text_probs(lm, texts, prompt, n_blanks=3), three[:, 5:])
    assert torch.equal(text_probs(lm, texts, n_blanks=0), lm.token_probs(lm.embed(texts)))


def test_a_mask_inside_the_text_is_not_a_word(lm):
    with pytest.raises(ValueError, match="tokens: sequence 0, position 1 holds 10; expected 0 … 9"):
        prepend_mask(lm, [[1, 10]])


@pytest.mark.parametrize("token", [-1, 11])
def test_a_token_that_has_no_embedding_is_refused(lm, token):
    with pytest.raises(ValueError, match=rf"tokens: sequence 0, position 1 holds {token}; expected 0 … 10"):
        lm.embed([[1, token]])


def test_advice_about_blanks_fits_what_was_called(lm):
    # `embed` and `prepend_mask` take no argument `observed`.
    for call in (lm.embed, lambda tokens: prepend_mask(lm, tokens)):
        with pytest.raises(ValueError, match="tokens: sequence 0, position 0 holds 12") as error:
            call([[12]])
        assert "observed" not in str(error.value)
