"""Records of one cell: rounding is told apart from another kind of record, and nothing else is overlooked."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmmlib.sweeps import differences

RECORD = {
    "n": 3,
    "methods": {"head": {"test": 0.5, "clear": None, "converged": True}},
    "stops": [{"kl": 0.25}, {"kl": 0.125}],
    "kind": "memory",
}


def changed(**entries):
    return json.loads(json.dumps(RECORD)) | entries


def test_equal_records_do_not_differ():
    found = differences(RECORD, dict(reversed(changed().items())))
    assert not found
    assert found.largest() == ""
    assert not differences({"a": 1}, {"a": 1.0})
    assert not differences({"a": math.nan}, {"a": math.nan})


def test_numbers_are_compared_wherever_they_stand():
    theirs = changed(n=4, stops=[{"kl": 0.25}, {"kl": 0.1250001}])
    theirs["methods"]["head"]["test"] = 0.501
    found = differences(RECORD, theirs)
    assert found.structure == ()
    assert [entry.where for entry in found.numbers] == ["n", "methods.head.test", "stops[1].kl"]
    assert [entry.absolute for entry in found.numbers] == pytest.approx([1, 0.001, 1e-7])
    assert [entry.relative for entry in found.numbers] == pytest.approx([0.25, 0.001 / 0.501, 8e-7], rel=1e-5)
    assert found.largest() == "1 (relative 0.25) at n"


def test_the_largest_relative_difference_may_be_elsewhere():
    found = differences({"a": 1000.0, "b": 1e-6}, {"a": 1001.0, "b": 2e-6}, "pretraining/1a")
    assert found.largest() == (
        "1 (relative 0.000999) at pretraining/1a.a, 1e-06 (relative 0.5) at pretraining/1a.b"
    )


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (changed(more=1), "more is in theirs only"),
        ({name: value for name, value in RECORD.items() if name != "n"}, "n is in ours only"),
        (changed(kind="vanilla"), "kind is 'memory' in ours, 'vanilla' in theirs"),
        (changed(stops=[{"kl": 0.25}]), "stops has 2 entries in ours, 1 in theirs"),
        (
            changed(stops={"kl": 0.25}),
            "stops is [{'kl': 0.25}, {'kl': 0.125}] in ours, {'kl': 0.25} in theirs",
        ),
        (changed(n=None), "n is 3 in ours, None in theirs"),
        (changed(n=True), "n is 3 in ours, True in theirs"),
        (changed(n="3"), "n is 3 in ours, '3' in theirs"),
        (changed(n=math.nan), "n is 3 in ours, nan in theirs"),
        (changed(n=math.inf), "n is 3 in ours, inf in theirs"),
    ],
)
def test_what_is_more_than_numbers_is_said_in_words(theirs, words):
    found = differences(RECORD, theirs)
    assert (found.numbers, found.structure) == ((), (words,))
    assert found


@pytest.mark.parametrize(("name", "other"), [("converged", False), ("clear", 0.5)])
def test_a_flag_and_nothing_are_no_numbers(name, other):
    theirs = changed()
    theirs["methods"]["head"][name] = other
    (words,) = differences(RECORD, theirs).structure
    assert words.startswith(f"methods.head.{name} is ")


def test_a_number_that_is_none_differs_from_one():
    assert differences({"a": math.nan}, {"a": 1.0}).structure == ("a is nan in ours, 1.0 in theirs",)
    assert differences({"a": 1.0}, {"a": math.nan}).structure == ("a is 1.0 in ours, nan in theirs",)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 1) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(values, values)
def test_records_differ_just_where_their_json_does(ours, theirs):
    assert not differences(ours, ours)
    same = json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)
    # Python takes 1, 1.0 and True for equal; JSON does not, and neither are flags and numbers alike here.
    numbers_alike = not differences(ours, theirs)
    if same:
        assert numbers_alike
    if numbers_alike:
        assert ours == theirs
