"""Pretraining learns, repeats to the bit, and goes on after any interruption as if there were none."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tqdm import tqdm

from hmmlib import (
    HMM,
    CorpusConfig,
    ExactMaskedLM,
    Masking,
    PretrainingRecipe,
    Stage,
    TransformerConfig,
    TransformerMaskedLM,
    draw_held_out,
    evaluate,
    pretrain,
    random_hmm,
    random_memory_hmm,
    save_lm,
)
from hmmlib._files import read_tensors
from hmmlib._random import step_generator
from hmmlib.hmm import fingerprint
from hmmlib.pretraining import Corpus, Pretrained, TextStream, trainer
from hmmlib.pretraining._muon import StackedMuon
from hmmlib.pretraining.optimisers import Optimisers
from hmmlib.pretraining.trainer import HELD_OUT_SEED, _Run

PLAIN = random_hmm(4, 6, generator=0, emission_temperature=0.3)
MEMORY = random_memory_hmm(2, 2, 6, generator=0, emission_temperature=0.3)
SHAPE = TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=16)
RECIPE = PretrainingRecipe(
    transformer=SHAPE, stages=(Stage(30, 4, 10),), learning_rate=1e-2, warmup=5, seed=3
)
HELD_OUT = {
    model: draw_held_out(model, generator=0, n_texts=8, length=12, rate=0.2) for model in (PLAIN, MEMORY)
}

VARIANTS = {
    "adamw": RECIPE,
    "muon": replace(RECIPE, optimiser="muon", weight_decay=0.1),
    "corpus": replace(RECIPE, corpus=CorpusConfig(7, 45)),
    "dropout": replace(RECIPE, transformer=replace(SHAPE, dropout=0.2)),
    "float16": replace(RECIPE, precision="float16"),
    "float16, muon": replace(RECIPE, precision="float16", optimiser="muon"),
    "bfloat16, muon": replace(RECIPE, precision="bfloat16", optimiser="muon"),
    "bert": replace(
        RECIPE,
        transformer=replace(SHAPE, positions="learned", norm="post", max_positions=12),
        masking=Masking(0.15, 0.8, 0.1),
        schedule="constant",
        clip=None,
        weight_decay=0.01,
    ),
    "stages": replace(RECIPE, stages=(Stage(13, 4, 10), Stage(10, 2, 24), Stage(7, 6, 5)), warmup=0),
}


def go(recipe=RECIPE, model=PLAIN, **named):
    return pretrain(
        model, recipe, **{"held_out": HELD_OUT[model], "measure_every": 7, "progress": False} | named
    )


def same(first: Pretrained, second: Pretrained) -> None:
    """Equal to the bit, wall time aside."""
    weights = second.lm.state_dict()
    for name, value in first.lm.state_dict().items():
        assert torch.equal(value, weights[name]), name
    one, other = (result.history.measurements for result in (first, second))
    assert [entry.step for entry in one] == [entry.step for entry in other]
    for sooner, later in zip(one, other, strict=True):
        assert replace(sooner, seconds=0) == replace(later, seconds=0)
    assert first.history.exact_cross_entropy == second.history.exact_cross_entropy


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """So small a model is slower on several, above all where they are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def lively_scaler(monkeypatch):
    """A scale that shrinks and grows within a few steps, for 'float16'."""
    scaler = partial(torch.amp.GradScaler, init_scale=2.0**22, growth_interval=2)
    monkeypatch.setattr(torch.amp, "GradScaler", scaler)


def test_it_learns_to_predict_from_context():
    # States that last, each with a word of its own nine times out of ten.
    identity = torch.eye(4, dtype=torch.float64)
    model = HMM([0.25] * 4, 0.96 * identity + 0.01, 0.88 * identity + 0.03)
    held_out = draw_held_out(model, generator=0, n_texts=100, length=16, rate=0.2)
    recipe = PretrainingRecipe(
        transformer=TransformerConfig(width=16, n_layers=1, n_heads=2, feed_forward=32),
        stages=(Stage(100, 16, 16),),
        masking=Masking(0.3),
        warmup=10,
        learning_rate=1e-2,
    )
    history = pretrain(model, recipe, held_out=held_out, measure_every=25, progress=False).history
    kl, variation = history.column("kl"), history.column("total_variation")
    losses = [entry.train_loss for entry in history.measurements[1:]]
    # Learning starts near the uniform distribution, and nobody does better without context.
    assert kl[-1] < 0.25 * kl[0]
    assert variation[-1] < 0.25 * variation[0]
    assert losses[-1] < losses[0] - 0.2
    assert history.last.cross_entropy - history.exact_cross_entropy == pytest.approx(kl[-1], abs=0.05)


@pytest.mark.parametrize("model", [PLAIN, MEMORY], ids=["plain", "memory"])
@pytest.mark.parametrize("name", ["adamw", "dropout"])
def test_it_can_be_repeated(model, name):
    with torch.random.fork_rng([]):
        torch.manual_seed(1)
        before = torch.random.get_rng_state()
        first = go(VARIANTS[name], model)
        assert torch.equal(torch.random.get_rng_state(), before)
        torch.manual_seed(2)
        same(first, go(VARIANTS[name], model, progress=True))


def test_the_seed_matters():
    kls = {go(replace(RECIPE, seed=seed)).history.last.kl for seed in range(3)}
    assert len(kls) == 3


@pytest.mark.usefixtures("lively_scaler")
@pytest.mark.parametrize("name", VARIANTS)
def test_interruptions_change_nothing(tmp_path, name):
    recipe = VARIANTS[name]
    whole = go(recipe)
    for seed in range(2):
        path = tmp_path / str(seed)
        for stop in sorted(random.Random(f"{name} {seed}").sample(range(1, 30), 3)):
            part = go(recipe, checkpoint=path, stop_after=stop, checkpoint_every=11)
            steps = part.history.column("step")
            assert steps == whole.history.column("step")[: len(steps)]
        same(go(recipe, checkpoint=path), whole)


@pytest.mark.parametrize("recipe", [RECIPE, VARIANTS["stages"]], ids=["adamw", "stages"])
def test_interruptions_change_nothing_with_memory(tmp_path, recipe):
    go(recipe, MEMORY, checkpoint=tmp_path / "run", stop_after=17)
    same(go(recipe, MEMORY, checkpoint=tmp_path / "run"), go(recipe, MEMORY))


# Writes the first checkpoint whole and is killed halfway through the second.
KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
import test_pretraining

synced, count = os.fsync, 0

def interrupted(file):
    global count
    count += 1
    if count == 2:
        os.ftruncate(file, 1000)
        os.kill(os.getpid(), signal.SIGKILL)
    synced(file)

os.fsync = interrupted
test_pretraining.go(checkpoint={path!r}, checkpoint_every=9)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed otherwise here")
def test_a_run_that_was_killed_goes_on(tmp_path):
    path = tmp_path / "run"
    script = KILLED.format(tests=str(Path(__file__).parent), path=str(path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(tmp_path.iterdir())) == 2  # the checkpoint, and half of the next beside it
    assert go(checkpoint=path, stop_after=9).history.column("step") == [0, 7]
    same(go(checkpoint=path), go())


def test_a_finished_run_is_only_read(tmp_path, monkeypatch):
    first = go(checkpoint=tmp_path / "a" / "run")
    monkeypatch.setattr(_Run, "_train", None)
    same(go(checkpoint=str(tmp_path / "a" / "run")), first)


def test_a_callback_is_told_each_measurement_as_it_is_made(tmp_path):
    told = []
    found = go(callback=told.append, checkpoint=tmp_path / "run", stop_after=15)
    assert told == found.history.measurements
    assert [entry.step for entry in told] == [0, 7, 14]
    same(go(), go(callback=lambda _: "not looked at"))
    # After an interruption only what is new.
    more = []
    done = go(callback=more.append, checkpoint=tmp_path / "run")
    assert [entry.step for entry in more] == [21, 28, 30]
    assert [*told, *more] == done.history.measurements

    def enough(measurement):
        if measurement.step == 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(callback=enough)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pretrain(ExactMaskedLM(PLAIN), RECIPE),
            "model: expected an HMM or a MemoryHMM, got ExactMask",
        ),
        (lambda: pretrain(PLAIN, "smoke"), "recipe: expected a PretrainingRecipe, got str"),
        (lambda: go(held_out=7), "held_out: expected a HeldOut, got int"),
        (lambda: evaluate(PLAIN, HELD_OUT[PLAIN]), "lm: expected a MaskedLM, got HMM"),
        (lambda: evaluate(ExactMaskedLM(PLAIN), None), "held_out: expected a HeldOut, got NoneType"),
        (
            lambda: save_lm(ExactMaskedLM(PLAIN), "lm"),
            "lm: expected a TransformerMaskedLM, got ExactMaskedLM",
        ),
        (lambda: ExactMaskedLM("x"), "model: expected an HMM or a MemoryHMM, got str"),
        (lambda: TransformerMaskedLM(10, generator="a"), "generator: expected an integer, got 'a'"),
        (lambda: TransformerMaskedLM(10, 64), "config: expected a TransformerConfig, got int"),
        (lambda: TransformerConfig(causal=1), "causal: expected True or False, got 1"),
    ],
)
def test_other_objects_are_named(call, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        call()


def test_a_run_may_stop_early():
    found = go(stop_after=9)
    assert found.history.column("step") == [0, 7]
    assert go(stop_after=100).history.last.step == 30
    assert not torch.equal(found.lm.bias, go().lm.bias)


def test_checkpoints_are_written_as_often_as_asked(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(_Run, "save", lambda run, _: saved.append(run.step))
    go(checkpoint=tmp_path / "run", checkpoint_every=8)
    go(checkpoint=tmp_path / "run", checkpoint_every=100)
    go(checkpoint=tmp_path / "run", checkpoint_every=15, stop_after=20)
    go()
    assert saved == [8, 16, 24, 30, 30, 15, 20]


def test_the_history_says_what_was_done(monkeypatch):
    losses = {}
    plain = _Run._train

    def watched(run, step):
        assert run.lm.training
        loss = plain(run, step)
        losses[step] = float(loss)
        return loss

    monkeypatch.setattr(_Run, "_train", watched)
    found = go(VARIANTS["stages"])
    history = found.history
    assert history.column("step") == [0, 7, 14, 21, 28, 30]
    tokens = [40] * 13 + [48] * 10 + [30] * 7
    assert history.column("tokens") == [sum(tokens[:step]) for step in history.column("step")]
    assert history.last.tokens == VARIANTS["stages"].n_tokens_seen
    assert sorted(losses) == list(range(30))
    assert history.measurements[0].train_loss is None
    steps = history.column("step")
    for begin, entry in zip(steps, history.measurements[1:], strict=False):
        assert entry.train_loss == pytest.approx(
            sum(losses[step] for step in range(begin, entry.step)) / (entry.step - begin), rel=1e-6
        )
    seconds = history.column("seconds")
    assert seconds[0] == 0
    assert seconds == sorted(seconds)
    assert history.last is history.measurements[-1]


def test_the_model_is_measured_before_and_after():
    found = go()
    held_out = HELD_OUT[PLAIN]
    assert found.held_out is held_out
    assert found.recipe == RECIPE
    assert found.history.exact_cross_entropy == held_out.exact_cross_entropy
    untrained = evaluate(TransformerMaskedLM(6, SHAPE, generator=3), held_out)
    trained = evaluate(found.lm, held_out)
    for entry, measured in ((found.history.measurements[0], untrained), (found.history.last, trained)):
        assert entry.kl == measured.kl
        assert entry.cross_entropy == measured.cross_entropy
        assert entry.total_variation == measured.total_variation


def test_the_model_comes_back_frozen():
    lm = go(VARIANTS["dropout"]).lm
    assert not any(part.training for part in lm.modules())
    assert not any(parameter.requires_grad for parameter in lm.parameters())
    assert all(parameter.grad is None for parameter in lm.parameters())


def test_held_out_text_is_always_the_same_by_default():
    model = random_hmm(2, 3, generator=0)
    found = pretrain(model, replace(RECIPE, stages=(Stage(1, 2, 5),)), progress=False)
    expected = draw_held_out(model, generator=HELD_OUT_SEED)
    assert torch.equal(found.held_out.tokens, expected.tokens)
    assert torch.equal(found.held_out.masked, expected.masked)


class PlainMuon(torch.optim.Optimizer):
    """Muon of one matrix as Jordan et al. (2024) have it, its polynomial applied to singular values."""

    def __init__(self, matrix, rate, weight_decay):
        super().__init__([matrix], {"lr": rate})
        self.momentum, self.decay = torch.zeros_like(matrix), weight_decay

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        (matrix,) = group["params"]
        self.momentum += 0.05 * (matrix.grad - self.momentum)
        update = (0.05 * matrix.grad + 0.95 * self.momentum).double()
        left, values, right = torch.linalg.svd(update / update.norm(), full_matrices=False)
        for _ in range(5):
            values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
        rows, columns = matrix.shape
        matrix *= 1 - group["lr"] * self.decay
        matrix -= group["lr"] * max(1, rows / columns) ** 0.5 * (left * values @ right).float()


def test_muon_is_torchs_up_to_its_rounding():
    random = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=random) for shape in ((6, 9), (9, 6), (6, 9), (4, 4))]
    ours, theirs = ([part.clone().requires_grad_() for part in start] for _ in range(2))
    mine = StackedMuon(ours, 0.1, weight_decay=0.2)
    torchs = torch.optim.Muon(theirs, 0.1, weight_decay=0.2)
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=random)
            other.grad = one.grad.clone()
        mine.step()
        torchs.step()
    for one, other in zip(ours, theirs, strict=True):
        assert 0 < (one - other).abs().max() < 0.01


@pytest.mark.parametrize("name", ["adamw", "muon", "bert"])
def test_training_is_what_the_recipe_says(name):
    # The same steps, written out.
    recipe = replace(VARIANTS[name], betas=(0.8, 0.9), weight_decay=0.2, stages=(Stage(12, 4, 10),))
    lm = TransformerMaskedLM(6, recipe.transformer, generator=recipe.seed)
    matrices = [part for layer in lm.layers for part in layer.parameters() if part.ndim == 2]
    if recipe.optimiser == "adamw":
        matrices = []
    chosen = {id(part) for part in matrices}
    parts = [(part, 1e-2) for part in lm.parameters() if id(part) not in chosen]
    optimisers = [
        torch.optim.AdamW([part], rate, betas=(0.8, 0.9), weight_decay=0.2, fused=True)
        for part, rate in parts
    ]
    optimisers += [PlainMuon(part, 0.02, weight_decay=0.2) for part in matrices]
    highest = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
    stream = TextStream(PLAIN, recipe.seed)
    for step in range(12):
        tokens = stream.batch(step, 4, 10)
        seen, hidden = recipe.masking.apply(
            tokens, 6, step_generator(torch.device("cpu"), recipe.seed, 1, step)
        )
        logits = lm.logits(lm.embed(seen))
        loss = F.cross_entropy(logits.flatten(0, 1), torch.where(hidden, tokens, -100).flatten())
        answers = logits.detach().log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
        assert loss.item() == pytest.approx(-float(answers[hidden].mean()), rel=1e-5)
        loss.backward()
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(lm.parameters(), recipe.clip)
        factor = min(1.0, (step + 1) / 5)
        if recipe.schedule == "linear" and step >= 5:
            factor = (12 - step) / 7
        for optimiser, rate in zip(optimisers, highest, strict=True):
            optimiser.param_groups[0]["lr"] = rate * factor
            optimiser.step()
            optimiser.zero_grad()
    found = go(recipe).lm.state_dict()
    for key, value in lm.state_dict().items():
        torch.testing.assert_close(found[key], value, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["corpus", "stages"])
def test_the_text_is_the_recipes(monkeypatch, name):
    recipe, seen, apply = VARIANTS[name], [], Masking.apply
    monkeypatch.setattr(Masking, "apply", lambda *given: seen.append(given[1]) or apply(*given))
    go(recipe)
    expected = Corpus(PLAIN, recipe.corpus, 10, 3) if recipe.corpus else TextStream(PLAIN, 3)
    assert len(seen) == 30
    for step, tokens in enumerate(seen):
        _, stage = recipe.stage_at(step)
        assert torch.equal(tokens, expected.batch(step, stage.batch, stage.length))


def test_stages_of_one_length_share_no_text(monkeypatch):
    recipe = replace(RECIPE, stages=(Stage(5, 8, 10), Stage(5, 8, 12), Stage(5, 4, 10)))
    seen, apply = [], Masking.apply
    monkeypatch.setattr(Masking, "apply", lambda *given: seen.append(given[1]) or apply(*given))
    go(recipe)
    branches = [0] * 10 + [1] * 5
    for step, (branch, tokens) in enumerate(zip(branches, seen, strict=True)):
        assert torch.equal(tokens, TextStream(PLAIN, 3, branch).batch(step, *tokens.shape))


def test_gradients_are_clipped():
    short = replace(RECIPE, clip=1e-3, betas=(0.0, 0.99))
    assert not torch.equal(go(short).lm.bias, go(replace(short, clip=None)).lm.bias)


@pytest.mark.usefixtures("lively_scaler")
@pytest.mark.parametrize(("name", "apart"), [("float16", 0.02), ("bfloat16", 0.05)])
def test_low_precision_learns_nearly_the_same(name, apart):
    recipe = replace(RECIPE, learning_rate=3e-3, stages=(Stage(100, 8, 10),))
    full, low = go(recipe), go(replace(recipe, precision=name))
    assert not torch.equal(full.lm.bias, low.lm.bias)
    assert abs(full.history.last.kl - low.history.last.kl) < apart
    assert {value.dtype for value in low.lm.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", ["layers.0.up.weight", "bias"])
@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_step_that_overflows_anywhere_is_left_out_everywhere(optimiser, place, value):
    lm = TransformerMaskedLM(6, SHAPE)
    optimisers = Optimisers(lm, replace(RECIPE, optimiser=optimiser, precision="float16"))
    scaler = torch.amp.GradScaler("cpu")

    def step(number, spoilt=None):
        scaler.scale(lm.logits(lm.embed([[0, 1, 2]])).sum()).backward()
        if spoilt is not None:
            lm.get_parameter(place).grad.view(-1)[0] = spoilt
        before = {name: weights.clone() for name, weights in lm.state_dict().items()}
        optimisers.step(number, scaler)
        return [name for name, weights in lm.state_dict().items() if not torch.equal(weights, before[name])]

    assert len(step(5)) > 10
    scale = scaler.get_scale()
    assert step(6, spoilt=value) == []
    assert scaler.get_scale() == scale / 2
    assert len(step(7)) > 10


def test_the_scale_of_the_loss_does_not_matter():
    # Of a power of two nothing is rounded. Gradients are below the limit, but not when they are scaled.
    found = []
    for enabled in (False, True):
        lm = TransformerMaskedLM(6, SHAPE)
        optimisers = Optimisers(lm, replace(RECIPE, clip=1e3))
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, enabled=enabled)
        for number, weight in enumerate([1.0, 10.0, 0.1]):
            loss = lm.logits(lm.embed([[0, 1, 2]])).square().sum()
            scaler.scale(weight * loss).backward()
            optimisers.step(number, scaler)
        found.append(lm.state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("name", "scaled"), [("float16", True), ("bfloat16, muon", False), ("adamw", False)])
def test_only_half_precision_needs_a_scale(tmp_path, name, scaled):
    go(VARIANTS[name], checkpoint=tmp_path / "run", stop_after=2)
    _, notes = read_tensors(tmp_path / "run", "hmmlib pretraining 1")
    assert ("scale" in notes["scaler"]) == scaled


def test_every_step_drops_and_hides_afresh(monkeypatch):
    states, masks = [], []
    logits, apply = TransformerMaskedLM.logits, Masking.apply

    def watched(lm, embeddings):
        if lm.training:
            states.append(bytes(torch.random.get_rng_state().tolist()))
        return logits(lm, embeddings)

    def masked(*arguments):
        found = apply(*arguments)
        masks.append(tuple(found[1].flatten().tolist()))
        return found

    monkeypatch.setattr(TransformerMaskedLM, "logits", watched)
    monkeypatch.setattr(Masking, "apply", masked)
    go(VARIANTS["dropout"])
    assert len(set(states)) == len(states) == 30
    assert len(set(masks)) == len(masks) == 30


def test_the_models_number_type_does_not_matter():
    model = PLAIN.to(dtype=torch.float32)
    held_out = draw_held_out(model, generator=0, n_texts=8, length=12, rate=0.2)
    found = pretrain(model, RECIPE, held_out=held_out, progress=False)
    assert found.history.last.kl == pytest.approx(go().history.last.kl, rel=0.01)
    assert found.lm.bias.dtype == torch.float32


def test_a_learnt_model_may_be_compared_with_the_exact_one():
    found = go(model=MEMORY)
    assert evaluate(ExactMaskedLM(MEMORY), found.held_out).kl == pytest.approx(0, abs=1e-12)
    assert found.history.last.kl > 0.01


def test_it_says_what_came_out():
    found = go()
    last = found.history.last
    assert repr(found).replace("\n   ", "") == (
        f"Pretrained(kl={last.kl:.4g}, cross_entropy={last.cross_entropy:.4g}, "
        f"exact_cross_entropy={HELD_OUT[PLAIN].exact_cross_entropy:.4g}, steps=30, "
        f"parameters={found.lm.n_parameters})"
    )


def test_the_bar_shows_loss_floor_and_divergence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(trainer, "tqdm", partial(tqdm, disable=False, mininterval=0))
    found = go(progress=True, checkpoint=tmp_path / "run")
    shown = capsys.readouterr().err
    floor = found.history.exact_cross_entropy
    for entry in found.history.measurements[1:]:
        words = f"loss {entry.cross_entropy:.3f}, Bayes {floor:.3f}, KL {entry.kl:.3f}"
        assert re.search(rf" {entry.step}/30 .*{re.escape(words)}", shown), words
    go(progress=False)
    assert capsys.readouterr().err == ""


def test_the_bar_goes_on_where_the_run_does(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(trainer, "tqdm", partial(tqdm, disable=False, mininterval=0))
    go(checkpoint=tmp_path / "run", stop_after=14)
    go(checkpoint=tmp_path / "run", progress=True)
    shown = capsys.readouterr().err
    assert "14/30" in shown
    assert " 0/30" not in shown


def test_bars_can_be_switched_off_from_outside(capsys):
    # conftest.py sets TQDM_DISABLE, for notebooks whose outputs are compared.
    go(progress=True)
    assert capsys.readouterr().err == ""


def test_a_loss_that_is_not_finite_stops_it():
    with pytest.raises(FloatingPointError, match=r"^the loss is (nan|inf) at step \d+ of 30; a lower learn"):
        go(replace(RECIPE, learning_rate=1e30))


def test_predictions_that_are_not_finite_stop_it_too():
    # All losses are finite, but the last step's weights are not.
    with pytest.raises(FloatingPointError, match=r"\bstep\b"):
        go(replace(RECIPE, learning_rate=1e38, warmup=0, stages=(Stage(1, 4, 10),)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_step_of_a_bad_loss_is_named_and_the_last_checkpoint_stays(tmp_path, monkeypatch, value):
    plain = _Run._train

    def bad(run, step):
        loss = plain(run, step)
        return torch.full_like(loss, value) if step == 13 else loss

    with monkeypatch.context() as patched:
        patched.setattr(_Run, "_train", bad)
        with pytest.raises(FloatingPointError, match=f"the loss is {value} at step 13 of 30"):
            go(checkpoint=tmp_path / "run", checkpoint_every=5)
    same(go(checkpoint=tmp_path / "run"), go())


CHANGES = {
    "seed": {"seed": 4},
    "learning_rate": {"learning_rate": 0.011},
    "transformer": {"transformer": replace(SHAPE, feed_forward=17)},
    "stages": {"stages": (Stage(31, 4, 10),)},
    "masking": {"masking": Masking(0.2)},
    "corpus": {"corpus": CorpusConfig(5, 50)},
    "betas": {"betas": (0.9, 0.99)},
    "clip": {"clip": None},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_of_another_recipe_is_refused(tmp_path, name):
    go(checkpoint=tmp_path / "run", stop_after=3)
    before = (tmp_path / "run").read_bytes()
    with pytest.raises(ValueError, match=rf"^checkpoint: run was made with {name} = .*the recipe says"):
        go(replace(RECIPE, **CHANGES[name]), checkpoint=tmp_path / "run")
    assert (tmp_path / "run").read_bytes() == before


def test_what_differs_is_shown(tmp_path):
    go(checkpoint=tmp_path / "run", stop_after=1)
    with pytest.raises(ValueError, match=r"with seed = 3, the recipe says 4; expected the same recipe"):
        go(replace(RECIPE, seed=4), checkpoint=tmp_path / "run")


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    go(checkpoint=tmp_path / "run", stop_after=3)
    other = random_hmm(4, 6, generator=1, emission_temperature=0.3)
    with pytest.raises(ValueError, match=r"^checkpoint: run was made with text from another HMM$"):
        pretrain(other, RECIPE, held_out=HELD_OUT[PLAIN], checkpoint=tmp_path / "run", progress=False)


def test_a_checkpoint_measured_on_other_text_is_refused(tmp_path):
    # Else the history would mix two measures, under the floor of the first.
    go(checkpoint=tmp_path / "run", stop_after=3)
    other = draw_held_out(PLAIN, generator=1, n_texts=8, length=12, rate=0.2)
    with pytest.raises(ValueError, match="held"):
        go(checkpoint=tmp_path / "run", held_out=other)


def test_other_files_are_no_checkpoints(tmp_path):
    save_lm(TransformerMaskedLM(6, SHAPE), tmp_path / "lm")
    with pytest.raises(ValueError, match="lm holds 'hmmlib masked LM 1'; expected 'hmmlib pretraining 1'"):
        go(checkpoint=tmp_path / "lm")
    go(checkpoint=tmp_path / "run", stop_after=3)
    content = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="run is damaged or no safetensors file of hmmlib"):
        go(checkpoint=tmp_path / "run")


def test_fingerprints_tell_models_apart():
    transition = PLAIN.transition.clone()
    transition[:, [0, 1]] = transition[:, [1, 0]]
    last = PLAIN.emission.clone()
    last[-1, -2:] = last[-1, -2:].flip(0)
    models = [
        PLAIN,
        HMM(PLAIN.initial, PLAIN.transition, last),
        PLAIN.with_initial(PLAIN.stationary()),
        HMM(PLAIN.initial, transition, PLAIN.emission),
        HMM(PLAIN.initial, PLAIN.transition, PLAIN.emission.flip(1)),
        PLAIN.to(dtype=torch.float32),
        MEMORY,
        random_memory_hmm(2, 2, 6, generator=0, emission_temperature=0.3, n_cells=2),
    ]
    names = [fingerprint(model) for model in models]
    assert len(set(names)) == len(models)
    assert fingerprint(HMM(PLAIN.initial, PLAIN.transition, PLAIN.emission)) == names[0]
    assert re.fullmatch("[0-9a-f]{64}", names[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: go(measure_every=0), ValueError, "measure_every: expected at least 1, got 0"),
        (lambda: go(checkpoint_every=0), ValueError, "checkpoint_every: expected at least 1, got 0"),
        (lambda: go(stop_after=0), ValueError, "stop_after: expected at least 1, got 0"),
        (lambda: go(stop_after=1.5), TypeError, "stop_after: expected an integer, got 1.5"),
        (lambda: go(replace(RECIPE, masking=Masking(0.0))), ValueError, "rate: expected a number 0 < rate"),
        (
            lambda: go(replace(VARIANTS["bert"], stages=(Stage(1, 2, 13),))),
            ValueError,
            "stages: texts of 13 tokens; the transformer learns max_positions = 12",
        ),
        (
            lambda: go(
                replace(
                    RECIPE,
                    transformer=replace(SHAPE, positions="learned", max_positions=11),
                )
            ),
            ValueError,
            "embeddings: 12 positions; the model has learnt max_positions = 11",
        ),
        (
            lambda: go(
                held_out=draw_held_out(random_hmm(4, 5, generator=0), generator=0, n_texts=2, length=5)
            ),
            ValueError,
            "lm: has 6 words; the held-out texts have 5",
        ),
        (
            lambda: go(replace(VARIANTS["stages"], corpus=CorpusConfig(5, 50))),
            ValueError,
            r"stages: a corpus is cut into chunks of one length, got \[5, 10, 24\]",
        ),
        (
            lambda: go(replace(RECIPE, corpus=CorpusConfig(5, 9))),
            ValueError,
            "length: 10 tokens; expected at most document_length = 9",
        ),
        (
            lambda: go(replace(RECIPE, corpus=CorpusConfig(3, 10))),
            ValueError,
            "batch: 4 texts, but the corpus has only 3 chunks of 10",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_a_corpus_too_small_for_a_later_stage_is_found_at_the_start(monkeypatch):
    monkeypatch.setattr(_Run, "_train", None)
    recipe = replace(RECIPE, corpus=CorpusConfig(5, 10), stages=(Stage(3, 2, 10), Stage(3, 6, 10)))
    with pytest.raises(ValueError, match="batch: 6 texts, but the corpus has only 5 chunks of 10"):
        go(recipe)


def test_muon_finds_the_layers_of_a_transformer_that_is_a_part_and_leaves_frozen_ones():
    lm = TransformerMaskedLM(5, TransformerConfig(width=8, n_layers=2, n_heads=2, feed_forward=16))
    recipe = replace(RECIPE, optimiser="muon")

    def matrices(module):
        parts = Optimisers(module, recipe)._parts
        return [
            id(p) for optimiser, _ in parts[1:] for group in optimiser.param_groups for p in group["params"]
        ]

    alone = matrices(lm)
    assert alone
    assert matrices(torch.nn.ModuleDict({"lm": lm, "out": torch.nn.Linear(8, 2)})) == alone
    lm.layers[0].requires_grad_(requires_grad=False)
    assert set(matrices(lm)) < set(alone)


def test_words_are_read_from_the_hidden_vectors():
    lm = TransformerMaskedLM(5, TransformerConfig(width=8, n_layers=2, n_heads=2, feed_forward=16))
    x = lm.embed([[0, 1, 5, 2]])
    hidden = lm.hidden(x)
    assert hidden.shape == (1, 4, 8)
    words = lm.transform_norm(torch.nn.functional.gelu(lm.transform(hidden)))
    assert torch.equal(words @ lm.embedding.weight[:5].T + lm.bias, lm.logits(x))
