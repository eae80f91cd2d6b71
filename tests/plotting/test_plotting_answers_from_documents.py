"""Figures of answers from documents show what they are given."""

from __future__ import annotations

import numpy as np

from hmmlib.plotting.answers_from_documents import against_documents, swaps
from plotting.drawn import lines, title


def test_laws_differ_in_their_dashes_and_noise_in_colour():
    curves = {
        ("Sequence", 0.1): ([80.0, 85.0], [2.0, 1.0]),
        ("Token", 0.1): ([80.0, 81.0], [1.5, 1.2]),
        ("Sequence", 0.3): ([50.0, 52.0], [3.0, 2.0]),
    }
    left, right = against_documents(curves, (1, 4)).axes
    assert lines(left)["Sequence, ε = 0.3"] == ([1, 4], [50.0, 52.0])
    assert lines(right)["Token, ε = 0.1"] == ([1, 4], [1.5, 1.2])
    drawn = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in left.lines}
    first, second, third = drawn.values()
    assert first[0] == second[0] != third[0]
    assert first[1] == third[1] == "-" != second[1]
    assert (left.get_ylabel(), right.get_ylabel()) == ("right answers, %", "nats of the right answer")


def test_a_swap_has_four_numbers_in_their_places():
    table = np.array([[90.0, 3.0], [2.0, 60.0]])
    figure = swaps({"closed book": table, "reader": table.T, "a": table, "b": table, "c": table})
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert [title(axis) for axis in shown] == ["closed book", "reader", "a", "b", "c"]
    for axis, expected in ((shown[0], table), (shown[1], table.T)):
        np.testing.assert_array_equal(axis.images[0].get_array(), expected)
        found = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axis.texts}
        assert found == {place: f"{value:.0f}" for place, value in np.ndenumerate(expected)}
    assert (shown[0].get_ylabel(), shown[4].get_xlabel()) == ("truth", "documents")
