"""Weights come back from disk as they went there, whole or not at all."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hmmlib import TransformerConfig, TransformerMaskedLM, load_lm, save_lm
from hmmlib._files import read_tensors, write_tensors

SHAPES = {
    "rotary": TransformerConfig(width=8, n_layers=2, n_heads=2, feed_forward=12),
    "bert": TransformerConfig(
        width=8,
        n_layers=1,
        n_heads=1,
        feed_forward=8,
        positions="learned",
        norm="post",
        max_positions=9,
        dropout=0.5,
    ),
}
TOKENS = torch.tensor([[0, 5, 2, 1], [4, 4, 3, 5]])


def model(shape="rotary", seed=1):
    return TransformerMaskedLM(5, SHAPES[shape], generator=seed)


def predictions(lm):
    with torch.no_grad():
        return lm.token_probs(lm.embed(TOKENS))


@pytest.fixture
def path(tmp_path):
    """A file that holds a model."""
    where = tmp_path / "lm.safetensors"
    save_lm(model(), where, about={"seed": 1})
    return where


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_comes_back_as_it_was(tmp_path, shape):
    before = model(shape)
    about = {"source": "H = 4, seed 1", "kl": 1 / 3, "steps": [1, 2], "text": "Ḡ ≈ G", "none": None}
    save_lm(before, tmp_path / "lm.safetensors", about=about)
    after, told = load_lm(tmp_path / "lm.safetensors")
    assert torch.equal(predictions(after), predictions(before.eval()))
    assert (after.config, after.n_tokens) == (before.config, before.n_tokens)
    for name, value in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], value), name
    assert told == about
    assert set(tmp_path.iterdir()) == {tmp_path / "lm.safetensors"}


def test_a_model_comes_back_frozen_and_without_dropout(tmp_path):
    save_lm(model("bert"), str(tmp_path / "lm"))
    lm, about = load_lm(str(tmp_path / "lm"), device="cpu")
    assert about == {}
    assert not lm.training
    assert not any(part.training for part in lm.modules())
    assert not any(parameter.requires_grad for parameter in lm.parameters())


def test_saving_changes_nothing(tmp_path):
    lm = model("bert")
    before = {name: value.clone() for name, value in lm.state_dict().items()}
    save_lm(lm, tmp_path / "lm")
    assert lm.training
    assert all(parameter.requires_grad for parameter in lm.parameters())
    assert all(torch.equal(lm.state_dict()[name], value) for name, value in before.items())


def test_reading_draws_nothing(path):
    before = torch.random.get_rng_state()
    load_lm(path)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_file_is_replaced(path):
    save_lm(model(seed=2), path)
    assert torch.equal(predictions(load_lm(path)[0]), predictions(model(seed=2)))


def test_whoever_reads_the_old_file_goes_on_reading_it(path):
    before = path.read_bytes()
    with path.open("rb") as reading:
        save_lm(model(seed=2), path)
        assert reading.read() == before


def test_folders_are_made(tmp_path):
    save_lm(model(), tmp_path / "a" / "b" / "lm.safetensors")
    assert torch.equal(predictions(load_lm(tmp_path / "a" / "b" / "lm.safetensors")[0]), predictions(model()))


def test_numbers_of_numpy_in_a_shape_can_be_saved(tmp_path):
    config = TransformerConfig(width=np.int64(8), n_layers=np.int64(1), n_heads=2, feed_forward=8)
    save_lm(TransformerMaskedLM(np.int64(5), config), tmp_path / "lm")
    assert load_lm(tmp_path / "lm")[0].config == config


def fails(_number):
    raise OSError("no space left")


def half_written(number):
    os.ftruncate(number, 100)
    raise OSError("no space left")


@pytest.mark.parametrize("way", [fails, half_written])
def test_a_write_that_fails_leaves_the_old_file(monkeypatch, path, way):
    monkeypatch.setattr(os, "fsync", way)
    with pytest.raises(OSError, match="no space left"):
        save_lm(model(seed=2), path)
    assert torch.equal(predictions(load_lm(path)[0]), predictions(model()))
    assert list(path.parent.iterdir()) == [path]


def test_a_write_goes_elsewhere_until_it_is_whole(monkeypatch, path):
    before, sync, drafts = path.read_bytes(), os.fsync, []

    def watched(number):
        sync(number)
        assert path.read_bytes() == before
        # In the same folder: elsewhere they could not take the file's place at once.
        drafts.extend(draft.read_bytes() for draft in path.parent.iterdir() if draft != path)

    monkeypatch.setattr(os, "fsync", watched)
    save_lm(model(seed=2), path)
    assert path.read_bytes() != before
    assert drafts == [path.read_bytes()]
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_to_stay_stays(path):
    before = path.read_bytes()
    save_lm(model(seed=2), path, overwrite=False)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_others_may_read_what_they_may_read_of_other_files(path):
    plain = path.with_name("plain")
    plain.write_text("")
    assert path.stat().st_mode == plain.stat().st_mode


def test_what_json_cannot_hold_leaves_the_old_file(path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_lm(model(seed=2), path, about={"tensor": torch.ones(2)})
    assert torch.equal(predictions(load_lm(path)[0]), predictions(model()))
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path: there is no file .*nothing\.safetensors"):
        load_lm(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        ValueError, match=r"^path: lm\.safetensors is damaged or no safetensors file of hmmlib"
    ):
        load_lm(path)


def test_other_files_are_refused(path):
    path.write_text("weights?\n" * 100)
    with pytest.raises(ValueError, match=r"^path: lm\.safetensors is damaged or no safetensors file"):
        load_lm(path)
    torch.save(model().state_dict(), path)
    with pytest.raises(ValueError, match=r"^path: lm\.safetensors is damaged or no safetensors file"):
        load_lm(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": '"hmmlib masked LM 0"'}, {"a": "1"}])
def test_safetensors_of_others_are_refused(path, metadata):
    save_file({"weight": torch.ones(2)}, path, metadata=metadata)
    with pytest.raises(ValueError, match=r"^path: lm\.safetensors "):
        load_lm(path)


def test_files_of_another_kind_are_told_apart(path):
    write_tensors(path, {}, {"format": "hmmlib pretraining 1"})
    with pytest.raises(ValueError, match=r"holds 'hmmlib pretraining 1'; expected 'hmmlib masked LM 1'"):
        load_lm(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^path: "):
        load_lm(tmp_path)


def test_a_device_that_is_not_there_is_named(path):
    with pytest.raises(ValueError, match="device: cannot use 'abacus'"):
        load_lm(path, device="abacus")


def test_tensors_and_notes_come_back(tmp_path):
    tensors = {
        "turned": torch.arange(6.0).view(2, 3).T,
        "part": torch.arange(10)[::3],
        "number": torch.tensor(3.0, dtype=torch.float64),
        "half": torch.ones(2, dtype=torch.bfloat16, requires_grad=True),
    }
    notes = {"format": "test", "nested": {"a": [1, 2.5, None]}, "text": "é"}
    write_tensors(tmp_path / "file", tensors, notes)
    found, told = read_tensors(tmp_path / "file", "test")
    assert told == json.loads(json.dumps(notes))
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(found[name], value), name
        assert found[name].dtype == value.dtype
        assert not found[name].requires_grad
