"""Pretrained models that cells share: trained once, checked when they are read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hmmlib import Stage, TransformerMaskedLM, load_lm
from hmmlib._files import canonical
from hmmlib.experiments import figure3
from hmmlib.experiments.figure3 import load_or_pretrain, point_model
from hmmlib.hmm import fingerprint
from hmmlib.pretraining import VARIANTS, pretrain, pretraining_preset

MODEL = point_model(4, 0, 1)
RECIPE = replace(pretraining_preset("smoke", 1), stages=(Stage(steps=20, batch=8, length=16),))
TOKENS = torch.tensor([[0, 5, 2, 1], [4, 4, 3, 9]])


def predictions(lm: TransformerMaskedLM) -> torch.Tensor:
    return lm.token_probs(lm.embed(TOKENS))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a model, the model and its record."""
    folder = tmp_path_factory.mktemp("store")
    return folder, *load_or_pretrain(MODEL, RECIPE, folder)


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of that folder, in which nothing is trained but by the test's leave."""
    (tmp_path / "models").mkdir()
    for path in (trained[0] / "models").iterdir():
        (tmp_path / "models" / path.name).write_bytes(path.read_bytes())
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted((folder / "models").iterdir())


def not_again(*_arguments, **_options):
    raise AssertionError("trained again")


def test_a_model_is_trained_once(trained, folder, monkeypatch):
    _, lm, record = trained
    monkeypatch.setattr(figure3, "pretrain", not_again)
    again, told = load_or_pretrain(MODEL, RECIPE, folder)
    assert told == record
    assert torch.equal(predictions(again), predictions(lm))
    assert not again.training
    assert not any(weight.requires_grad for weight in again.parameters())
    assert len(files(folder)) == 1


def test_the_record_is_that_of_the_pretraining(trained):
    _, lm, record = trained
    assert record["hmm"] == fingerprint(MODEL)
    assert record["parameters"] == lm.n_parameters
    assert record["steps"] == record["history"]["step"][-1] == 20
    assert record["kl"] == record["history"]["kl"][-1] < record["history"]["kl"][0]
    assert "seconds" not in record["history"]


def test_with_other_measurements_the_same_model_takes_its_place(trained, folder):
    lm, record = load_or_pretrain(MODEL, RECIPE, folder, measure_every=15)
    assert record["history"]["step"] == [0, 15, 20]
    assert {name: told for name, told in record.items() if name != "history"} == {
        name: told for name, told in trained[2].items() if name != "history"
    }
    assert torch.equal(predictions(lm), predictions(trained[1]))
    again, told = load_or_pretrain(MODEL, RECIPE, folder)
    assert told == record
    assert torch.equal(predictions(again), predictions(trained[1]))
    assert len(files(folder)) == 1


def test_measured_at_the_same_steps_it_is_not_trained_again(folder, monkeypatch):
    load_or_pretrain(MODEL, RECIPE, folder, measure_every=10)
    monkeypatch.setattr(figure3, "pretrain", not_again)
    assert load_or_pretrain(MODEL, RECIPE, folder, measure_every=10)[1]["history"]["step"] == [0, 10, 20]
    for measure_every in (5, 20):  # means of the losses since the last measurement would be others
        with pytest.raises(AssertionError, match="trained again"):
            load_or_pretrain(MODEL, RECIPE, folder, measure_every=measure_every)


def test_a_model_with_other_weights_stays_as_cells_start_from_it(trained, folder, monkeypatch, caplog):
    def rounded(model, recipe, **options):
        done = pretrain(model, recipe, **options)
        next(done.lm.parameters()).mul_(1 + 1e-6)
        return done

    (path,) = files(folder)
    content = path.read_bytes()
    monkeypatch.setattr(figure3, "pretrain", rounded)
    lm, record = load_or_pretrain(MODEL, RECIPE, folder, measure_every=10)
    assert record["history"]["step"] == [0, 10, 20]
    assert not torch.equal(predictions(lm), predictions(trained[1]))
    assert path.read_bytes() == content
    assert "has other weights now" in caplog.text


@pytest.mark.parametrize(("steps", "error"), [(0, ValueError), (2.5, TypeError)])
def test_steps_between_measurements_are_checked_before_anything_is_done(folder, steps, error):
    with pytest.raises(error, match="measure_every: expected"):
        load_or_pretrain(MODEL, RECIPE, folder, measure_every=steps)


@pytest.mark.parametrize(
    ("model", "recipe"),
    [
        (point_model(4, 0, 2), RECIPE),
        (MODEL, replace(RECIPE, seed=2)),
        (MODEL, VARIANTS["BERT's rule"](RECIPE)),
        (MODEL, replace(RECIPE, learning_rate=1e-4)),
    ],
)
def test_another_hmm_or_recipe_is_another_model(folder, monkeypatch, model, recipe):
    monkeypatch.setattr(figure3, "pretrain", not_again)
    with pytest.raises(AssertionError, match="trained again"):
        load_or_pretrain(model, recipe, folder)


def damaged_weight(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def damaged_record(content: bytes) -> bytes:
    assert content.count(b" 18634,") == 1  # the number of parameters
    return content.replace(b" 18634,", b" 18635,")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-100], "is damaged or no safetensors file"),
        (lambda _: b"", "is damaged or no safetensors file"),
        (damaged_weight, "was altered: weights and record do not have its checksum"),
        (damaged_record, "was altered: weights and record do not have its checksum"),
    ],
)
def test_damage_is_noticed_and_the_model_made_anew(trained, folder, caplog, damage, message):
    (path,) = files(folder)
    path.write_bytes(damage(path.read_bytes()))
    content = path.read_bytes()
    lm, record = load_or_pretrain(MODEL, RECIPE, folder)
    assert record == trained[2]
    assert torch.equal(predictions(lm), predictions(trained[1]))
    assert message in caplog.text
    assert "the model is trained anew" in caplog.text
    again, kept = files(folder)
    assert again == path
    assert kept.read_bytes() == content


def test_a_model_under_the_name_of_another_is_noticed(folder, monkeypatch, caplog):
    (path,) = files(folder)
    names = []
    monkeypatch.setattr(figure3, "pretrain", not_again)
    monkeypatch.setattr(figure3, "sha256", lambda value: names.append(value) or path.stem)
    with pytest.raises(AssertionError, match="trained again"):
        load_or_pretrain(MODEL, replace(RECIPE, seed=2), folder)
    assert names[0]["recipe"]["seed"] == 2
    assert "holds another model than its name says" in caplog.text


def test_of_two_that_train_the_first_counts(trained, tmp_path, monkeypatch):
    def slow(model, recipe, **options):
        monkeypatch.setattr(figure3, "pretrain", pretrain)
        load_or_pretrain(MODEL, RECIPE, tmp_path)  # somebody else, who is through before
        return pretrain(model, type(recipe)(transformer=recipe.transformer, stages=recipe.stages), **options)

    monkeypatch.setattr(figure3, "pretrain", slow)
    lm, record = load_or_pretrain(MODEL, RECIPE, tmp_path)
    assert torch.equal(predictions(lm), predictions(trained[1]))
    assert record == trained[2]
    assert len(files(tmp_path)) == 1


def test_where_files_cannot_have_two_names_the_model_is_kept_too(trained, tmp_path, monkeypatch):
    def link(*_arguments):
        raise PermissionError

    monkeypatch.setattr(os, "link", link)
    _, record = load_or_pretrain(MODEL, RECIPE, tmp_path)
    assert record == trained[2]
    assert [path.name for path in files(tmp_path)] == [path.name for path in files(trained[0])]


def test_the_checksum_of_a_file_is_what_it_always_was(trained):
    # Of the record, and of each weight its name, type, shape and numbers, by the letter.
    folder, lm, record = trained
    (path,) = files(folder)
    found = hashlib.sha256(canonical(record).encode())
    for name, weight in sorted(lm.state_dict().items()):
        found.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        found.update(weight.numpy().tobytes())
    assert load_lm(path)[1]["checksum"] == found.hexdigest()
