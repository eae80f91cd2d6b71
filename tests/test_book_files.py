"""The book's files are found from any folder; what is not there is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hmmlib import _book
from hmmlib.analysis import book_file, read_results

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("folder", [".", "notebooks", "book/results"])
def test_files_are_found_from_any_folder_of_the_repository(monkeypatch, folder):
    monkeypatch.chdir(ROOT / folder)
    assert book_file("checkpoints") == ROOT / "book" / "checkpoints"
    assert read_results("figure3_paper")["experiment_1"]["H"] == [4, 8, 10, 15, 25, 30]


def test_elsewhere_they_are_those_that_hmmlib_is_installed_from(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert book_file("results/figure3_paper.json").is_relative_to(ROOT)


def test_the_working_directorys_repository_comes_first(monkeypatch, tmp_path):
    (tmp_path / "book" / "results").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "results" / "figure3_paper.json").write_text(json.dumps({"mine": 1}))
    monkeypatch.chdir(tmp_path / "notebooks")
    assert read_results("figure3_paper") == {"mine": 1}


def test_what_is_not_there_is_named_with_what_is(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    with pytest.raises(FileNotFoundError, match=r"book/results/figure4\.json.* figure3_paper\.json"):
        read_results("figure4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_book, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="in a copy of the book's repository"):
        book_file("checkpoints")
