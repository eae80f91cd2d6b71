"""Figures of processes show what they are given."""

from __future__ import annotations

import pytest
import torch

from hmmlib.plotting.process_structure import (
    along_training,
    chosen_by,
    left_out_curves,
    marking_graph,
    variant_bars,
)
from hmmlib.processes import act, parallel, seq, variants
from plotting.drawn import heights, line, lines, title, words

TREE = seq(act("a"), parallel(act("b"), act("c")))


def test_markings_are_written_by_what_may_come_next_and_lost_moves_are_dotted():
    texts = variants(TREE)
    figure = marking_graph(
        TREE, texts, {"nothing": torch.tensor([], dtype=torch.long), "b first": torch.tensor([0])}
    )
    whole, half = figure.axes
    assert (title(whole), title(half)) == ("nothing", "b first")
    assert sorted(words(whole.texts)) == sorted(["a", "bc", "b", "c", "END"])
    solid = [one for one in half.lines if one.get_linestyle() == "-"]
    assert (len(half.lines), len(solid)) == (5, 3)  # a, c, b: the other way is lost
    assert sum(one.get_linestyle() == "-" and len(one.get_xdata()) == 2 for one in whole.lines) == 5
    places = dict(zip(words(whole.texts), (one.get_position() for one in whole.texts), strict=True))
    assert [places[name][0] for name in ("a", "bc", "b", "c", "END")] == [0, 1, 2, 2, 3]


def test_variants_that_were_shown_come_first_each_group_by_probability():
    probs = torch.tensor([0.1, 0.3, 0.2, 0.4])
    figure = variant_bars({"one": probs, "two": probs.flip(0)}, torch.tensor([0, 2]), {"process": 0.25})
    one, two = figure.axes
    assert (title(one), title(two)) == ("one", "two")
    shown, gone = heights(one)
    assert (shown, gone) == (pytest.approx([0.4, 0.3]), pytest.approx([0.2, 0.1]))
    assert heights(two)[1] == pytest.approx([0.4, 0.3])
    assert list(lines(one)["process"][1]) == [0.25, 0.25]


def test_every_curve_is_drawn():
    panels = {"one": {"random": ((1, 2), (0.5, 0.4)), "in order": ((1, 2), (0.5, 0.0))}}
    (axis,) = left_out_curves(panels).axes
    assert lines(axis) == {"random": ([1, 2], [0.5, 0.4]), "in order": ([1, 2], [0.5, 0.0])}
    assert (title(axis), axis.get_ylabel()) == ("one", "generalisation")


def test_curves_stand_in_their_rows_with_the_end_of_training():
    curves = {"Gen": {1: [0.0, 0.2], 4: [0.6]}, "texts": {1: [9.0, 8.0], 4: [4.0]}}
    figure = along_training(
        {"none": (curves, 3.0), "both": (curves, 4.0)},
        {"share": (["Gen"], (0, 1)), "nats": (["texts"], (3, 10))},
    )
    first, second, third, _ = figure.axes
    assert (title(first), title(second)) == ("none", "both")
    assert line(first, "Gen") == ([1, 4], pytest.approx([0.1, 0.6]))
    assert line(third, "texts") == ([1, 4], pytest.approx([8.5, 4.0]))
    assert list(first.lines[-1].get_xdata()) == [3.0, 3.0]
    assert (first.get_ylabel(), third.get_ylabel(), third.get_xlabel()) == ("share", "nats", "epoch")
    assert first.get_ylim() == (0, 1)


def test_settings_have_a_large_marker_at_their_means():
    panels = {
        "nats": {"none": ([1.0, 2.0], [0.2, 0.4]), "both": ([3.0], [0.9])},
        "others": {"none": ([5.0, 7.0], [0.2, 0.4]), "both": ([4.0], [0.9])},
    }
    left, right = chosen_by(panels, "generalisation").axes
    assert line(left, "none") == (pytest.approx([1.5]), pytest.approx([0.3]))
    assert line(right, "both") == ([4.0], [0.9])
    assert (left.get_xlabel(), right.get_xlabel(), left.get_ylabel()) == ("nats", "others", "generalisation")
