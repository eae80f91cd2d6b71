"""Figures of tuned heads show the numbers that they were given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from hmmlib.plotting.memory_vs_vanilla import (
    accuracies,
    accuracy_dots,
    attention_and_keys,
    attention_by_word,
    attention_on_certain,
    certainty_by_place,
    memory_and_vanilla,
)
from plotting.drawn import line


def band(*means: float) -> dict[str, list[float]]:
    return {"mean": list(means), "interval": [1.0] * len(means)}


def test_certainty_has_a_curve_and_a_level_for_each_machine() -> None:
    tables = {"memory": [1.0, 0.9, 0.8], "vanilla": [0.7, 0.3, 0.1]}
    figure = certainty_by_place([1, 8, 64], tables, {"memory": 0.2, "vanilla": 0.05})
    curves = [line.get_ydata() for line in figure.axes[0].lines]
    for name, values in tables.items():
        assert line(figure.axes[0], name) == ([1, 8, 64], values)
    assert [curve[0] for curve in curves[1::2]] == [0.2, 0.05]


def test_accuracies_are_written_beside_bars_of_their_length() -> None:
    rows = {"memory": {"a": 0.9, "b": 1.0}, "vanilla": {"a": 0.5}}
    figure = accuracies(rows, {"memory": 0.6, "vanilla": 0.55})
    for panel, found in zip(figure.axes, rows.values(), strict=True):
        assert [bar.get_width() for bar in panel.patches] == [100 * value for value in found.values()]
        assert [text.get_text() for text in panel.texts] == [f"{100 * value:.1f}" for value in found.values()]
        assert [label.get_text() for label in panel.get_yticklabels()] == list(found)
    assert [panel.lines[0].get_xdata()[0] for panel in figure.axes] == pytest.approx([60, 55])


def test_positions_with_key_one_are_dark_and_an_equal_share_is_one() -> None:
    figure = attention_and_keys(torch.tensor([1.0, 0.2]), torch.tensor([0.25, 0.75]), torch.tensor([2, 0]))
    above, below = figure.axes
    assert [bar.get_height() for bar in below.patches] == [1.5, 0.5]  # those that are not certain first
    assert [bool(bar.get_hatch()) for bar in above.patches] == [True, False]
    assert [label.get_text() for label in below.get_xticklabels()] == ["c", "a"]


def test_certain_positions_and_their_attention_stand_in_pairs() -> None:
    figure = attention_on_certain({"s": 0.5, "t": 0.25}, {"t": 1.0, "s": 0.75})
    assert [bar.get_height() for bar in figure.axes[0].patches] == [50, 25, 75, 100]


def test_a_word_that_never_occurs_has_no_letter() -> None:
    figure = attention_by_word(torch.tensor([0.1, 0.2, 0.3]), {"head": torch.tensor([1.0, np.nan, 2.0])})
    assert [text.get_text() for text in figure.axes[0].texts] == ["a", "c"]
    x, y = line(figure.axes[0], "head")
    assert (x, y[::2]) == (pytest.approx([0.1, 0.2, 0.3]), [1, 2])
    assert [text.xy for text in figure.axes[0].texts] == [(x[0], 1), (x[2], 2)]


def test_every_seed_has_a_dot_in_the_row_of_its_method() -> None:
    panels = {
        "memory": {"head": {8: [90.0, 80.0], 12: [70.0]}, "counts": {8: [100.0, 98.0]}},
        "vanilla": {"head": {8: [60.0]}},
    }
    figure = accuracy_dots(panels, chance=50)
    memory, vanilla = figure.axes
    assert [label.get_text() for label in memory.get_yticklabels()] == ["head", "counts"]
    drawn = [
        (list(dots.get_xdata()), dots.get_ydata()) for dots in memory.lines if dots.get_marker() != "None"
    ]
    assert [x for x, _ in drawn] == [[90, 80], [70], [100, 98]]
    (upper, lower, second) = (y[0] for _, y in drawn)
    assert -0.5 < upper < 0 < lower < 0.5 < second < 1.5
    means = [dots.get_xdata()[0] for dots in memory.lines if dots.get_linestyle() == "-"]
    assert means == [85, 70, 99]
    assert vanilla.lines[-1].get_xdata()[0] == 50
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["8 hidden states", "12 hidden states"]


def test_one_size_needs_no_legend_and_five_have_no_markers() -> None:
    assert not accuracy_dots({"": {"head": {6: [90.0]}}}).legends
    with pytest.raises(ValueError, match=r"panels: expected some ways to answer and 1 … 4 sizes, got 1 ways"):
        accuracy_dots({"": {"head": {size: [90.0] for size in range(5)}}})
    with pytest.raises(ValueError, match="got 0 ways"):
        accuracy_dots({})
    plt.close("all")


def test_each_kind_of_machine_has_its_own_panel() -> None:
    series = {"memory": {"head": band(90, 80)}, "vanilla": {"head": band(70, 60)}}
    paper = {"memory": band(99, 98), "vanilla": band(66, 65)}
    figure = memory_and_vanilla(series, [8, 12], paper, {"memory": {"head": [100, 95]}})
    curves = [[list(line.get_ydata()) for line in panel.lines] for panel in figure.axes]
    assert curves == [[[90, 80], [100, 95], [99, 98]], [[70, 60], [66, 65]]]


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="head has 1 means"):
        memory_and_vanilla({"memory": {"head": band(90)}, "vanilla": {}}, [8, 12], {})
    plt.close("all")
