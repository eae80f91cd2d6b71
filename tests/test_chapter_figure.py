"""A picture of a chapter is found by the name of its figure."""

from __future__ import annotations

import json

import pytest

from chapter_figure import stored_figure


def notebook(tmp_path, outputs):
    told = {"figure": {"name": "x-fig", "caption": "X."}, "image": {"alt": "A line."}}
    cells = [{"metadata": {}, "source": ""}, {"metadata": {"mystnb": told}, "outputs": outputs}]
    file = tmp_path / "x.ipynb"
    file.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return file


def test_the_picture_and_its_text_are_those_of_the_cell(tmp_path):
    outputs = [{"text": "said"}, {"data": {"image/png": ["iVBO\n", "Rw0="]}}]
    found = stored_figure(notebook(tmp_path, outputs), "x-fig")
    assert found == ("data:image/png;base64,iVBORw0=", "A line.")


def test_a_figure_that_is_not_there_or_shows_nothing_is_named(tmp_path):
    file = notebook(tmp_path, [{"text": "said"}])
    with pytest.raises(ValueError, match=r"x\.ipynb: figure x-fig has no picture"):
        stored_figure(file, "x-fig")
    with pytest.raises(ValueError, match=r"x\.ipynb: has no figure y-fig"):
        stored_figure(file, "y-fig")
