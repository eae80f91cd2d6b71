"""Figures for slides are drawn as SVG and have their labels for names."""

from __future__ import annotations

from pathlib import Path

import pytest

import write_slides

SCRIPT = """# %% [markdown]
# # A chapter

# %% mystnb={"figure": {"caption": "A line.", "name": "x-fig-line"}}
import matplotlib.pyplot as plt

plt.plot([0, 1])
plt.show()

# %%
plt.plot([1, 0])
plt.show()
"""


def test_a_figure_with_a_label_becomes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setattr(write_slides, "NOTEBOOKS", tmp_path)
    assert write_slides.main(["one", "--into", str(tmp_path / "slides")]) == 0
    (file,) = (tmp_path / "slides").iterdir()
    assert file.name == "x-fig-line.svg"
    assert "<svg" in file.read_text(encoding="utf-8")
    assert "wrote 1 figures" in capsys.readouterr().out


def test_a_notebook_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        write_slides.main(["no_such_chapter"])
    assert "there is no notebook no_such_chapter" in capsys.readouterr().err
