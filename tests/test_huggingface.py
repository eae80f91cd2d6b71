"""Models of Hugging Face transformers: BERT copied both ways, and any masked LM behind the interface."""

from __future__ import annotations

import os
import runpy
import sys

import pytest
import torch
from torch import nn

import hmmlib.lm.huggingface
from hmmlib import (
    MaskedLM,
    TransformerConfig,
    TransformerMaskedLM,
    blank_probs,
    draw_held_out,
    evaluate,
    prepend_prompt,
    random_hmm,
)
from hmmlib.lm.huggingface import HuggingFaceMaskedLM, from_bert, to_bert

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is downloaded: every model here is tiny and random
transformers = pytest.importorskip("transformers")

# Entries, width, layers, heads, hidden, positions, token types and epsilon, all large enough to matter.
SHAPES = [(11, 16, 1, 1, 24, 20, 1, 1e-1), (7, 12, 3, 4, 20, 13, 3, 1e-2), (40, 24, 2, 2, 8, 64, 2, 1e-3)]
HMM = random_hmm(6, generator=0)


def random(seed):
    return torch.Generator().manual_seed(seed)


def scramble(model, seed=0):
    """Random weights everywhere, also where a new model has zeros and ones."""
    generator = random(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            ones = "norm" in name.lower() and name.endswith("weight")
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator) + ones)
    return model.eval()


def new_bert(shape=SHAPES[1], dtype=torch.float32, **settings):
    entries, width, layers, heads, hidden, positions, types, epsilon = shape
    config = transformers.BertConfig(
        vocab_size=entries,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=hidden,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
        **settings,
    )
    return scramble(transformers.BertForMaskedLM(config).to(dtype))


def new_lm(shape=SHAPES[1], dtype=torch.float32, **settings):
    entries, width, layers, heads, hidden, positions, _, epsilon = shape
    config = {
        "width": width,
        "n_layers": layers,
        "n_heads": heads,
        "feed_forward": hidden,
        "positions": "learned",
        "norm": "post",
        "max_positions": positions,
        "epsilon": epsilon,
    }
    lm = TransformerMaskedLM(entries - 1, TransformerConfig(**config | settings))
    return scramble(lm.to(dtype), 1)


def some_tokens(n_tokens, batch=5, time=13):
    return torch.randint(n_tokens, (batch, time), generator=random(2))


def close(first, second, tolerance):
    torch.testing.assert_close(first, second, atol=tolerance, rtol=0)


PRECISIONS = [(torch.float32, 1e-5), (torch.float64, 1e-12)]


# --- BERT, copied ---


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_imported_bert_predicts_what_it_did(shape, dtype, tolerance):
    bert = new_bert(shape, dtype)
    lm = from_bert(bert)
    assert lm.n_tokens == shape[0] - 1
    tokens = some_tokens(shape[0])  # the blank is among them
    expected = bert(input_ids=tokens).logits[..., :-1]
    assert expected.std() > 0.3
    close(lm.logits(lm.embed(tokens)), expected, tolerance)
    close(lm.token_probs(lm.embed(tokens)), expected.float().softmax(-1), 1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_exported_model_predicts_what_it_did(shape, dtype, tolerance):
    lm = new_lm(shape, dtype)
    bert = to_bert(lm)
    tokens = some_tokens(shape[0])
    found = bert(input_ids=tokens).logits
    close(found[..., :-1], lm.logits(lm.embed(tokens)), tolerance)
    probs = found.float().softmax(-1)
    close(probs[..., :-1], lm.token_probs(lm.embed(tokens)), 1e-5)
    assert probs[..., -1].max() == 0


def test_words_and_blank_may_be_anywhere_in_the_vocabulary():
    bert = new_bert(SHAPES[0])
    words, mask = [7, 2, 9, 0], 3
    lm = from_bert(bert, words, mask)
    assert (lm.n_tokens, lm.mask_token) == (4, 4)
    tokens = some_tokens(5)
    entries = torch.tensor([*words, mask])[tokens]
    close(lm.logits(lm.embed(tokens)), bert(input_ids=entries).logits[..., words], 1e-5)
    most = from_bert(bert, mask_token=3)
    assert torch.equal(most.embed([[2, 3, 10]])[0], bert.get_input_embeddings().weight[[2, 4, 3]])


@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back_is_the_same_model(shape):
    lm = new_lm(shape, dropout=0.25)
    again = from_bert(to_bert(lm))
    assert again.config == lm.config
    assert again.state_dict().keys() == lm.state_dict().keys()
    for name, weight in lm.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name
    rows = lm.embed(some_tokens(shape[0]))
    assert torch.equal(again.token_probs(rows), lm.token_probs(rows))


def test_a_soft_prompt_means_the_same_to_both():
    bert = new_bert()
    lm = from_bert(bert)
    prompt = torch.randn(3, 12, generator=random(3))
    rows = prepend_prompt(prompt, lm.embed(some_tokens(7, time=10)))
    close(lm.logits(rows), bert(inputs_embeds=rows).logits[..., :-1], 1e-5)


@pytest.mark.parametrize("direction", ["import", "export"])
def test_gradients_agree(direction):
    if direction == "import":
        bert = new_bert()
        lm = from_bert(bert)
    else:
        lm = new_lm()
        bert = to_bert(lm)
    rows = torch.randn(4, 9, 12, generator=random(4))
    target = torch.randn(4, 9, 6, generator=random(5))
    grads = []
    for logits in (lambda rows: lm.logits(rows), lambda rows: bert(inputs_embeds=rows).logits[..., :-1]):
        leaf = rows.clone().requires_grad_()
        (logits(leaf).softmax(-1) * target).sum().backward()
        grads.append(leaf.grad)
    assert grads[0].abs().max() > 0.1
    close(*grads, 1e-4)


def test_dropout_is_carried_over():
    # Both libraries drop in the same places and order: with one seed they drop the same entries.
    lm = new_lm(SHAPES[2], dropout=0.4)
    bert = to_bert(lm)
    again = from_bert(bert)
    rows = lm.embed(some_tokens(40))
    found = []
    with torch.random.fork_rng([]):
        for model in (lm.train(), bert.train(), again.train()):
            torch.manual_seed(0)
            found.append(model(inputs_embeds=rows).logits[..., :-1] if model is bert else model.logits(rows))
    close(found[0], found[1], 1e-5)
    close(found[0], found[2], 1e-5)
    assert (found[0] - lm.eval().logits(rows)).abs().max() > 0.1


def test_what_comes_back_is_ready_for_use():
    bert = new_bert().train()
    lm = from_bert(bert)
    assert not lm.training
    assert not any(weight.requires_grad for weight in lm.parameters())
    assert bert.training  # and the source is as it was
    assert all(weight.requires_grad for weight in bert.parameters())
    out = to_bert(new_lm().train())
    assert not out.training
    assert all(weight.requires_grad for weight in out.parameters())


def test_an_exported_model_can_be_trained():
    bert = to_bert(new_lm())
    assert bert.get_output_embeddings().weight is bert.get_input_embeddings().weight
    bert(input_ids=torch.zeros(1, 4, dtype=torch.long), labels=torch.tensor([[1, 2, 3, 4]])).loss.backward()
    assert bert.bert.embeddings.word_embeddings.padding_idx is None  # a gradient for token 0 too
    assert bert.bert.embeddings.word_embeddings.weight.grad[0].abs().max() > 0


def test_copies_share_no_memory():
    lm = new_lm()
    bert = to_bert(lm)
    again = from_bert(bert)
    tokens = some_tokens(7)
    before = lm.token_probs(lm.embed(tokens))
    with torch.no_grad():
        for weight in bert.parameters():
            weight.zero_()
    assert torch.equal(lm.token_probs(lm.embed(tokens)), before)
    assert torch.equal(again.token_probs(again.embed(tokens)), before)


def test_an_exported_model_survives_the_disk(tmp_path):
    lm = new_lm()
    to_bert(lm).save_pretrained(tmp_path)
    bert = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path)
    rows = lm.embed(some_tokens(7))
    assert torch.equal(from_bert(bert).token_probs(rows), lm.token_probs(rows))


def test_the_global_generator_is_left_alone():
    lm = new_lm()
    before = torch.get_rng_state()
    from_bert(to_bert(lm))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positions": "rotary", "n_heads": 2}, "lm: has positions='rotary'; expected 'learned', as in BERT"),
        ({"norm": "pre"}, "lm: has norm='pre'; expected 'post', as in BERT"),
        ({"causal": True}, "lm: has causal=True; expected False, as in BERT"),
    ],
)
def test_what_is_no_bert_is_not_exported(settings, message):
    with pytest.raises(ValueError, match=message):
        to_bert(new_lm(**settings))


def with_position_types(bert):
    bert.config.position_embedding_type = "relative_key"


def with_output_weights_of_its_own(bert):
    bert.cls.predictions.decoder.weight = nn.Parameter(bert.cls.predictions.decoder.weight + 1)


def with_a_wider_layer(bert):
    bert.bert.encoder.layer[1].intermediate.dense = nn.Linear(12, 21)


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        ({"hidden_act": "relu"}, None, "bert: has config.hidden_act = 'relu'; expected 'gelu'"),
        ({"hidden_act": "gelu_new"}, None, "bert: has config.hidden_act = 'gelu_new'; expected 'gelu'"),
        ({}, with_position_types, "bert: has config.position_embedding_type = 'relative_key'; expected 'abs"),
        ({"is_decoder": True}, None, "bert: has config.is_decoder = True; expected False"),
        (
            {"attention_probs_dropout_prob": 0.3},
            None,
            "bert: has config.attention_probs_dropout_prob = 0.3; expected 0.1",
        ),
        ({}, with_output_weights_of_its_own, "bert: has output weights of its own; expected those of the in"),
        (
            {},
            with_a_wider_layer,
            r"bert: layers.1.up.weight would have shape \(21, 12\); expected \(20, 12\), by its config",
        ),
    ],
)
def test_a_bert_that_cannot_be_copied_is_refused(settings, change, message):
    bert = new_bert(**settings)
    if change:
        change(bert)
    with pytest.raises(ValueError, match=message):
        from_bert(bert)


def test_another_architecture_is_not_imported():
    with pytest.raises(TypeError, match=r"bert: expected a transformers.BertForMaskedLM, got Roberta"):
        from_bert(new_model("Roberta"))


VOCABULARIES = [
    ([0, 30], 4, ValueError, "words: expected entries 0 … 29 other than the blank 4, each once, got 30"),
    ([0, 4], 4, ValueError, "words: expected entries 0 … 29 other than the blank 4, each once, got 4"),
    ([7, 0, 7], 4, ValueError, "words: expected entries 0 … 29 other than the blank 4, each once, got 7"),
    ([], 4, ValueError, "words: expected entries 0 … 29 other than the blank 4, each once, got none"),
    ([0, -1], 4, ValueError, "words: expected at least 0, got -1"),
    ([0, 1.0], 4, TypeError, "words: expected an integer, got 1.0"),
    (None, 30, ValueError, "mask_token: expected 0 … 29, got 30"),
    (None, -1, ValueError, "mask_token: expected at least 0, got -1"),
    (None, "[MASK]", TypeError, r"mask_token: expected an integer, got '\[MASK\]'"),
]


@pytest.mark.parametrize("make", [from_bert, HuggingFaceMaskedLM])
@pytest.mark.parametrize(("words", "mask_token", "kind", "message"), VOCABULARIES)
def test_a_vocabulary_that_does_not_fit_is_refused(make, words, mask_token, kind, message):
    with pytest.raises(kind, match=message):
        make(new_model("Bert"), words, mask_token)


def test_hmmlib_needs_no_transformers(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    runpy.run_path(hmmlib.lm.huggingface.__file__)  # can be imported
    for call in (lambda: to_bert(new_lm()), lambda: from_bert(nn.Linear(1, 1))):
        with pytest.raises(ImportError, match=r"pip install 'hmmlib\[interop\]'"):
            call()


# --- any masked language model ---

# Entries 0 … 2 are for padding, beginning and end in most of them.
WORDS, MASK = list(range(25, 5, -2)), 4
ARCHITECTURES = ["Bert", "Roberta", "DistilBert", "Albert", "Electra", "ModernBert", "DebertaV2", "FNet"]


def new_model(kind):
    settings = {
        "vocab_size": 30,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 40,
        "pad_token_id": 0,
    }
    if kind in ("Albert", "Electra"):
        settings["embedding_size"] = 10
    if kind == "DistilBert":
        settings = {"vocab_size": 30, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24}
    if kind == "ModernBert":
        settings |= {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    if kind == "FNet":
        del settings["num_attention_heads"]
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = getattr(transformers, f"{kind}ForMaskedLM")(
            getattr(transformers, f"{kind}Config")(**settings)
        )
    return scramble(model)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request):
    return new_model(request.param)


@pytest.fixture
def lm(model):
    return HuggingFaceMaskedLM(model, WORDS, MASK)


# --- what a model shows for embeddings is what it shows for tokens, or it is refused ---


def new_esm(token_dropout, dtype=torch.float32):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        config = transformers.EsmConfig(
            vocab_size=12,
            mask_token_id=11,
            pad_token_id=1,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            position_embedding_type="rotary",
            token_dropout=token_dropout,
        )
        return transformers.EsmForMaskedLM(config).to(dtype)


def shown_both_ways(model, mask, words):
    """Probabilities of words at each position of a text with a blank, by its tokens and by the adapter."""
    lm = HuggingFaceMaskedLM(model, words, mask)
    text = torch.tensor([[0, 1, lm.mask_token, 2]])
    entries = torch.tensor([*words, mask])[text]
    with torch.no_grad():
        logits = model(input_ids=entries).logits[..., words]
        return logits.float().softmax(-1), lm.token_probs(lm.embed(text))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("train", [False, True])
def test_a_model_that_treats_blanks_only_where_it_sees_tokens_is_refused(train, dtype):
    model = scramble(new_esm(True, dtype)).train(train)
    with pytest.raises(
        ValueError, match=r"^model: EsmForMaskedLM shows other probabilities .* differ by up to 0\.\d"
    ):
        HuggingFaceMaskedLM(model, None, 11)
    with pytest.raises(ValueError, match="EsmForMaskedLM"):
        HuggingFaceMaskedLM(new_esm(True), [3, 4, 6], 11)  # also where weights are small
    assert model.training is train  # what is refused is left as it was
    assert all(weight.requires_grad for weight in model.parameters())
    close(*shown_both_ways(new_esm(False, dtype).train(train), 11, [3, 4, 6]), 1e-6)


TINY = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 80,
    "pad_token_id": 0,
}
MORE = {
    "XLMRoberta": {},
    "Camembert": {},
    "MPNet": {},
    "MobileBert": {"embedding_size": 8, "intra_bottleneck_size": 16},
    "ConvBert": {"embedding_size": 16},
    "RoFormer": {"embedding_size": 16},
    "MegatronBert": {},
    "BigBird": {"attention_type": "block_sparse", "block_size": 4, "num_random_blocks": 1},
}


def another_model(kind):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(**TINY | MORE.get(kind, {}))
        return getattr(transformers, f"{kind}ForMaskedLM")(config)


@pytest.mark.parametrize("kind", MORE)
def test_other_architectures_pass(kind):
    model = another_model(kind).train()  # with dropout
    state = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.get_rng_state()
    HuggingFaceMaskedLM(model, None, 4)
    assert torch.equal(torch.get_rng_state(), generator)
    found, shown = shown_both_ways(model, 4, [7, 9, 20])
    close(found, shown, 1e-6)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_being_tried_changes_nothing_in_a_model():
    # BigBird turns to full attention for good when it is first shown a text that is short.
    model = another_model("BigBird")
    HuggingFaceMaskedLM(model, None, 4)
    assert model.bert.attention_type == "block_sparse"
    assert not any(part._forward_hooks for part in model.modules())


def test_a_model_that_takes_no_embeddings_is_named():
    with pytest.raises(
        ValueError, match=r"^model: IBertForMaskedLM cannot be given inputs_embeds, .* \(\w+: "
    ):
        HuggingFaceMaskedLM(another_model("IBert"), None, 4)


def test_a_vocabulary_of_one_word_will_do():
    assert (
        HuggingFaceMaskedLM(new_model("Roberta"), [0], MASK).n_tokens == 1
    )  # the padding, which is not shown


def test_the_adapter_is_a_masked_language_model(lm, model):
    assert isinstance(lm, MaskedLM)
    assert lm.n_tokens == lm.mask_token == 10
    assert lm.embedding_dim == model.get_input_embeddings().weight.shape[1]
    assert repr(lm) == f"HuggingFaceMaskedLM({type(model).__name__}, n_tokens=10)"


def test_the_adapter_gives_what_the_model_gives(lm, model):
    tokens = some_tokens(11)
    entries = torch.tensor([*WORDS, MASK])[tokens]
    with torch.no_grad():
        logits = model(input_ids=entries).logits[..., WORDS]
    found = lm.token_probs(lm.embed(tokens))
    assert found.shape == (5, 13, 10)
    close(found, logits.softmax(-1), 1e-6)
    assert found.std(0).max() > 0.01  # the texts matter


def test_the_adapter_takes_prompts(lm, model):
    prompt = torch.randn(2, lm.embedding_dim, generator=random(6))
    tokens = some_tokens(10)
    rows = torch.cat([prompt.expand(5, -1, -1), lm.embed([[10]] * 5), lm.embed(tokens)], 1)
    with torch.no_grad():
        expected = model(inputs_embeds=rows).logits[:, 2, WORDS].softmax(-1)
    close(blank_probs(lm, tokens, prompt), expected, 1e-6)


def test_a_prompt_can_be_tuned_through_the_adapter(lm):
    rows = lm.embed(some_tokens(10))
    prompt = torch.randn(2, lm.embedding_dim, generator=random(7)).requires_grad_()
    change = torch.randn(2, lm.embedding_dim, generator=random(8))

    def value(prompt):
        return lm.token_probs(prepend_prompt(prompt, rows))[:, 2:, 0].log().mean()

    (grad,) = torch.autograd.grad(value(prompt), prompt)
    with torch.no_grad():
        slope = (value(prompt + 1e-2 * change) - value(prompt - 1e-2 * change)) / 2e-2
    assert grad.abs().max() > 1e-3
    assert float((grad * change).sum()) == pytest.approx(float(slope), rel=0.02, abs=1e-3)


def test_the_adapter_can_be_measured(lm):
    found = evaluate(lm, draw_held_out(HMM, generator=1, n_texts=16, length=32))
    assert found.kl > 0.01
    assert found.cross_entropy > found.exact_cross_entropy


def test_the_adapter_around_an_exported_model_is_the_model():
    lm = new_lm((11, 16, 2, 2, 24, 64, 1, 1e-3))
    bert = to_bert(lm)
    adapter = HuggingFaceMaskedLM(bert, None, 10)
    tokens = some_tokens(10)
    assert torch.equal(adapter.embed(tokens), lm.embed(tokens))
    close(blank_probs(adapter, tokens), blank_probs(lm, tokens), 1e-6)
    held_out = draw_held_out(HMM, generator=1, n_texts=16, length=32)
    assert evaluate(adapter, held_out).kl == pytest.approx(evaluate(lm, held_out).kl, abs=1e-5)


def test_by_default_the_words_are_all_but_the_blank():
    model = new_model("Bert")
    lm = HuggingFaceMaskedLM(model, None, 4)
    assert lm.n_tokens == 29
    assert torch.equal(lm.embed([[3, 4, 29]])[0], model.get_input_embeddings().weight[[3, 5, 4]])


def test_a_model_is_put_in_eval_mode_and_frozen():
    model = new_model("Bert").train()
    lm = HuggingFaceMaskedLM(model, WORDS, MASK)
    assert lm.model is model
    assert not model.training
    rows = lm.embed(some_tokens(10))
    assert not rows.requires_grad
    assert not lm.token_probs(rows).requires_grad
    assert torch.equal(lm.token_probs(rows), lm.token_probs(rows))
    model.train()  # dropout, if it is asked for
    assert not torch.equal(lm.token_probs(rows), lm.token_probs(rows))


def test_without_gradients_it_works_in_pieces(monkeypatch):
    model = new_model("Bert")
    lm = HuggingFaceMaskedLM(model, WORDS, MASK)
    rows = lm.embed(some_tokens(10))
    sizes = []
    model.bert.encoder.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    whole = lm.token_probs(rows)
    monkeypatch.setattr(hmmlib.lm.huggingface, "_PIECE_POSITIONS", 30)
    close(lm.token_probs(rows), whole, 1e-6)
    lm.token_probs(rows.clone().requires_grad_())
    model.requires_grad_()
    lm.token_probs(rows)
    with torch.no_grad():
        lm.token_probs(rows)
    monkeypatch.setattr(hmmlib.lm.huggingface, "_PIECE_POSITIONS", 1)
    with torch.no_grad():
        lm.token_probs(rows[:2])
    assert sizes == [5, 2, 2, 1, 5, 5, 2, 2, 1, 1, 1]


def test_single_precision_comes_out_of_half_precision():
    lm = HuggingFaceMaskedLM(new_model("Bert").bfloat16(), WORDS, MASK)
    rows = lm.embed(some_tokens(10))
    assert rows.dtype == torch.bfloat16
    probs = lm.token_probs(rows.float())
    assert probs.dtype == torch.float32
    close(probs.sum(-1), torch.ones(5, 13), 1e-6)


def test_what_is_made_in_inference_mode_works_outside():
    model = new_model("Bert")
    with torch.inference_mode():
        lm = HuggingFaceMaskedLM(model, WORDS, MASK)
    rows = torch.randn(2, 4, 16, generator=random(9)).requires_grad_()
    lm.token_probs(rows)[..., 0].sum().backward()
    assert rows.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("tokens", "kind", "message"),
    [
        (
            [[0, 11]],
            ValueError,
            r"tokens: sequence 0, position 1 holds 11; expected 0 … 10 \(the blank is mas",
        ),
        ([[0, -1]], ValueError, "tokens: sequence 0, position 1 holds -1; expected 0 … 10"),
        ([0, 1], ValueError, r"tokens: expected shape \(batch, time\), got \(2,\)"),
        ([[0.5]], TypeError, "tokens: expected integers, got torch.float64"),
    ],
)
def test_tokens_are_checked(tokens, kind, message):
    with pytest.raises(kind, match=message):
        HuggingFaceMaskedLM(new_model("Bert"), WORDS, MASK).embed(tokens)


@pytest.mark.parametrize(
    ("embeddings", "kind", "message"),
    [
        (
            torch.zeros(2, 3, 15),
            ValueError,
            r"embeddings: expected shape \(batch, time, 16\), got \(2, 3, 15\)",
        ),
        (torch.zeros(3, 16), ValueError, r"embeddings: expected shape \(batch, time, 16\), got \(3, 16\)"),
        (
            torch.zeros(0, 3, 16),
            ValueError,
            r"embeddings: expected shape \(batch, time, 16\), got \(0, 3, 16\)",
        ),
        (
            torch.zeros(2, 3).long(),
            TypeError,
            "embeddings: expected a tensor of real numbers, got torch.int64",
        ),
        ([[0.0]], TypeError, "embeddings: expected a tensor of real numbers, got list"),
    ],
)
def test_embeddings_are_checked(embeddings, kind, message):
    with pytest.raises(kind, match=message):
        HuggingFaceMaskedLM(new_model("Bert"), WORDS, MASK).token_probs(embeddings)
