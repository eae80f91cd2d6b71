"""Torch's default number type and device are nobody's arguments: whatever they are, results are the same."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from tuning_cases import small_transformer, task_data, warm_hmm, word_task

from hmmlib import (
    ExactMaskedLM,
    Masking,
    PretrainingRecipe,
    Stage,
    TransformerConfig,
    TransformerMaskedLM,
    blank_probs,
    draw_held_out,
    load_lm,
    pretrain,
    random_hmm,
    random_memory_hmm,
    save_lm,
)
from hmmlib._display import heat_map
from hmmlib.hmm import bayes_floor
from hmmlib.lm import text_probs
from hmmlib.pretraining import pretraining_preset
from hmmlib.tuning import TuningRecipe, fine_tune, fit_prior, optimal_prompt, tune_head, tune_prompt


@contextmanager
def defaults(name):
    """Another default for new tensors; "meta" stands in for a device that tests do not have."""
    if name == "meta":
        torch.set_default_device("meta")
    else:
        torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


OTHERS = ("float64", "bfloat16", "meta")
HMM = random_hmm(4, 6, generator=0, emission_temperature=0.3)
SHAPES = {
    "rotary": TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=16),
    "bert": TransformerConfig(
        width=8, n_layers=1, n_heads=2, feed_forward=16, positions="learned", norm="post", max_positions=32
    ),
    "causal": TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=16, causal=True),
}
RECIPES = {
    "adamw": PretrainingRecipe(transformer=SHAPES["rotary"], stages=(Stage(6, 4, 10),), warmup=2),
    "muon": PretrainingRecipe(
        transformer=SHAPES["rotary"], stages=(Stage(6, 4, 10),), warmup=2, optimiser="muon"
    ),
    "bert": PretrainingRecipe(
        transformer=replace(SHAPES["bert"], dropout=0.2),
        stages=(Stage(6, 4, 10),),
        masking=Masking(0.15, 0.8, 0.1),
        warmup=2,
    ),
    "causal": PretrainingRecipe(transformer=SHAPES["causal"], stages=(Stage(6, 4, 10),), warmup=2),
    "float16": PretrainingRecipe(
        transformer=SHAPES["rotary"], stages=(Stage(6, 4, 10),), warmup=2, precision="float16"
    ),
}
HELD_OUT = {
    context: draw_held_out(HMM, generator=0, n_texts=8, length=12, rate=0.2, conditioned_on=context)
    for context in ("others", "past")
}
TUNING = TuningRecipe(epochs=2, batch=32, learning_rates=(1e-2,), warmup=3, n_prompt=2)
SOLVED = replace(TUNING, solve_heads=True, starts=2)
MACHINE = warm_hmm()
TASK = task_data(MACHINE, size=60, length=8, validation=30, test=30)[1]
WORDS = word_task(60)


def numbers(tuned):
    """All that a tuning found."""
    parts = vars(tuned.head).values()
    found = [part for part in parts if isinstance(part, torch.Tensor)]
    found += [] if tuned.prompt is None else [tuned.prompt]
    ways = [[epoch.train_loss, epoch.validation_loss] for epoch in tuned.history]
    return [*found, torch.tensor(ways, dtype=torch.float64, device="cpu")]


def pretrained(name, **named):
    recipe = RECIPES[name]
    held_out = HELD_OUT["past" if recipe.transformer.causal else "others"]
    found = pretrain(HMM, recipe, held_out=held_out, measure_every=3, progress=False, **named)
    ways = [[entry.kl, entry.cross_entropy] for entry in found.history.measurements]
    return [*found.lm.state_dict().values(), torch.tensor(ways, dtype=torch.float64, device="cpu")]


def a_model(shape):
    lm = TransformerMaskedLM(5, SHAPES[shape], generator=1)
    with torch.no_grad():
        return [*lm.state_dict().values(), lm.token_probs(lm.embed([[0, 5, 2, 1]]))]


def exact_prompt(init):
    return numbers(
        tune_prompt(ExactMaskedLM(MACHINE), TASK, replace(TUNING, prompt_init=init), progress=False)
    )


def free_prompt(init):
    return numbers(tune_prompt(small_transformer(), WORDS, replace(TUNING, prompt_init=init), progress=False))


def best_prompt(lm, data):
    found = optimal_prompt(lm, data.train.tokens, data.train.labels, starts=2, generator=0, max_iterations=3)
    return [found.prompt, found.head.weights]


def prior():
    texts = TASK.train.tokens
    probs = blank_probs(ExactMaskedLM(MACHINE), texts)
    return [fit_prior(MACHINE, texts, probs, starts=2, generator=0, max_iterations=5).prior]


def read_off():
    with torch.no_grad():
        lm = small_transformer()
        return [text_probs(lm, WORDS.train.tokens, reading="read off", masking=Masking(0.15, 0.8, 0.1))]


def held_out_text():
    found = draw_held_out(HMM, generator=1, n_texts=3, length=9, rate=0.3)
    return [found.tokens, found.masked, found.conditionals]


RESULTS = {
    **{f"a model, {shape}": lambda shape=shape: a_model(shape) for shape in SHAPES},
    **{f"pretraining, {name}": lambda name=name: pretrained(name) for name in RECIPES},
    "held-out text": held_out_text,
    "a linear head": lambda: numbers(tune_head(small_transformer(), WORDS, TUNING, progress=False)),
    "a solved head": lambda: numbers(tune_head(small_transformer(), WORDS, SOLVED, progress=False)),
    "an attention head": lambda: numbers(
        tune_head(small_transformer(), WORDS, TUNING, head="attention", progress=False)
    ),
    "a solved attention head": lambda: numbers(
        tune_head(ExactMaskedLM(MACHINE), TASK, SOLVED, head="attention", progress=False)
    ),
    **{f"a prompt, exact, {init}": lambda init=init: exact_prompt(init) for init in ("random", "tokens")},
    **{f"a prompt, {init}": lambda init=init: free_prompt(init) for init in ("random", "tokens", "blank")},
    "fine-tuning": lambda: numbers(fine_tune(small_transformer(), WORDS, TUNING, progress=False)),
    "the best prompt, exact": lambda: best_prompt(ExactMaskedLM(MACHINE), TASK),
    "the best prompt": lambda: best_prompt(small_transformer(), WORDS),
    "a prior": prior,
    "read off": read_off,
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def usual():
    """Results under the usual defaults, each computed once."""
    found = {}

    def result(name):
        if name not in found:
            found[name] = RESULTS[name]()
        return found[name]

    return result


def same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert (one.dtype, one.device, one.shape) == (other.dtype, other.device, other.shape)
        assert torch.equal(one, other)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", RESULTS)
def test_a_result_does_not_depend_on_defaults(name, other, usual):
    expected = usual(name)
    with defaults(other):
        found = RESULTS[name]()
    same(found, expected)


@pytest.mark.parametrize("other", OTHERS)
def test_the_preset_trains_the_same_model(other):
    def few_steps():
        recipe = replace(pretraining_preset("smoke"), stages=(Stage(3, 8, 16),))
        found = pretrain(HMM, recipe, held_out=HELD_OUT["others"], progress=False)
        return [*found.lm.state_dict().values()]

    expected = few_steps()
    with defaults(other):
        found = few_steps()
    same(found, expected)
    assert {weight.dtype for weight in found} == {torch.float32}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", ["adamw", "muon", "float16"])
def test_training_goes_on_under_other_defaults(name, other, usual, tmp_path):
    with defaults(other):
        pretrained(name, checkpoint=tmp_path / "run", stop_after=4)
    same(pretrained(name, checkpoint=tmp_path / "run"), usual(f"pretraining, {name}"))
    pretrained(name, checkpoint=tmp_path / "other", stop_after=2)
    with defaults(other):
        found = pretrained(name, checkpoint=tmp_path / "other")
    same(found, usual(f"pretraining, {name}"))


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_saved_model_comes_back_in_its_own_type(other, dtype, tmp_path):
    lm = TransformerMaskedLM(5, SHAPES["bert"], generator=1).to(dtype)
    save_lm(lm, tmp_path / "usual")
    with defaults(other):
        save_lm(lm, tmp_path / "other")
        one, two = load_lm(tmp_path / "usual")[0], load_lm(tmp_path / "other")[0]
    for found in (one, two, load_lm(tmp_path / "other")[0]):
        same([*found.state_dict().values()], [*lm.state_dict().values()])


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_drawn_and_shown_does_not_depend_on_defaults(other):
    def found():
        floor = bayes_floor(MACHINE, generator=0, mask_rate=0.3, n_texts=8, length=8).value
        model = random_memory_hmm(2, 2, 6, generator=0)
        return floor, heat_map("weights", MACHINE.emission), repr(model), model._repr_html_()

    expected = found()
    with defaults(other):
        assert found() == expected


@pytest.mark.parametrize("other", OTHERS)
def test_models_of_hugging_face(other):
    transformers = pytest.importorskip("transformers")
    from hmmlib.lm.huggingface import HuggingFaceMaskedLM, from_bert, to_bert

    assert transformers
    lm = TransformerMaskedLM(5, SHAPES["bert"], generator=1)

    def found():
        bert = to_bert(lm)
        adapted, back = HuggingFaceMaskedLM(bert, None, 5), from_bert(bert)
        with torch.no_grad():
            shown = adapted.token_probs(adapted.embed([[0, 5, 2, 1]]))
        return [shown, *back.state_dict().values(), *bert.state_dict().values()]

    expected = found()
    with defaults(other):
        result = found()
    same(result, expected)
