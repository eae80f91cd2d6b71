"""What makes a figure hard to read is found, and every drawing function has a test."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes

from plotting.drawn import alike_in_grey, check_readable, covered

HERE = Path(__file__).resolve().parent
PLOTTING = HERE.parents[1] / "hmmlib" / "plotting"
MODULES = sorted(path.stem for path in PLOTTING.glob("[!_]*.py") if path.stem != "style")


def uncalled(module: str, test: str) -> set[str]:
    """Public functions that a module defines and the source of a test does not call."""
    found = importlib.import_module(f"hmmlib.plotting.{module}")
    public = {
        name
        for name, thing in inspect.getmembers(found, inspect.isfunction)
        if thing.__module__ == found.__name__ and not name.startswith("_")
    }
    assert public, module
    functions = [node.func for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Call)]
    called = {node.id for node in functions if isinstance(node, ast.Name)}
    return public - called - {node.attr for node in functions if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("module", MODULES)
def test_every_drawing_function_is_called_by_the_tests_of_its_module(module: str) -> None:
    test = (HERE / f"test_plotting_{module}.py").read_text(encoding="utf-8")
    assert uncalled(module, test) == set()


def test_a_function_that_no_test_calls_is_found() -> None:
    called = "accuracy_by_states({}, 1)\nkl_maps({})\nmeans_over_seeds({})\nturning_labels"
    assert uncalled("shared", called) == {"turning_labels"}


def in_colour(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], "-", color="#0b4f8a")
    axes.plot([0, 1], [1, 0], "-", color="#8a4a9e")


def bars_in_colour(axes: Axes) -> None:
    axes.bar([0], [1], color="#0b4f8a")
    axes.bar([1], [1], color="#8a4a9e")


@pytest.mark.parametrize("draw", [in_colour, bars_in_colour])
def test_series_that_only_colour_tells_apart_are_found(draw: Callable[[Axes], None]) -> None:
    figure, axes = plt.subplots()
    axes.set_title("a title")
    draw(axes)
    assert len(alike_in_grey(axes)) == 1
    with pytest.raises(AssertionError, match="by its colour only"):
        check_readable(figure)
    plt.close(figure)


@pytest.mark.parametrize(
    "style", [{"linestyle": "--"}, {"marker": "s"}, {"color": "#dddddd"}, {"linewidth": 3}]
)
def test_whatever_else_differs_is_enough(style: dict) -> None:
    _, axes = plt.subplots()
    axes.set_title("a title")
    axes.plot([0, 1], [0, 1], "-", color="#0b4f8a")
    axes.plot([0, 1], [1, 0], **{"color": "#8a4a9e", "linestyle": "-"} | style)
    assert alike_in_grey(axes) == []


@pytest.mark.parametrize(("place", "hidden"), [("lower left", True), ("lower right", False)])
def test_a_legend_over_a_line_or_a_bar_is_found(place: str, hidden: bool) -> None:
    figure, axes = plt.subplots()
    axes.plot([0, 0.2, 1], [0, 0.1, 1], label="a line")
    axes.bar([0], [0.1], 0.1)
    axes.legend(loc=place)
    figure.canvas.draw()
    assert bool(covered(figure)) == hidden
    plt.close(figure)


def test_a_panel_without_a_name_is_found() -> None:
    figure, axes = plt.subplots()
    axes.plot([0, 1])
    with pytest.raises(AssertionError):
        check_readable(figure)
    plt.close(figure)
