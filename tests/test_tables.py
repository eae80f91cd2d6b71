"""Tables: what each kind of entry looks like, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hmmlib.tables import Table, deviation, number


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((3.14159,), {}, "3.1"),
        ((-3.14159, 0.06), {}, "−3.1 ± 0.1"),
        ((3.14159,), {"signed": True, "digits": 2}, "+3.14"),
        ((-0.01,), {"signed": True}, "0.0"),
    ],
)
def test_numbers_are_printed_alike_everywhere(arguments, options, text):
    assert number(*arguments, **options) == text


def test_what_rounding_leaves_is_only_said_to_be_small():
    assert deviation(-4e-16) == deviation(0) == "< 1e-12"
    assert deviation(torch.tensor(-3e-4)) == "3e-04"
    assert deviation(1e-12) == "1e-12"
    assert [deviation(size) for size in (0.0099, 0.01, -4)] == ["1e-02", "0.01", "4.00"]
    assert deviation(2e-9, least=1e-8) == "< 1e-08"
    assert deviation(math.nan) == "nan"


def test_a_table_is_markdown_on_a_page_and_columns_in_a_terminal():
    table = Table(["$H$", "kind", "right"], [(4, "head", 0.5), (30, "prompt", np.float64(12.345))], ".1f")
    assert table.markdown.splitlines() == [
        "| $H$ | kind | right |",
        "| ---: | --- | ---: |",
        "| 4 | head | 0.5 |",
        "| 30 | prompt | 12.3 |",
    ]
    assert table._repr_markdown_() == table.markdown
    assert repr(table).splitlines() == ["$H$  kind    right", "  4  head      0.5", " 30  prompt   12.3"]


@pytest.mark.parametrize(
    ("entry", "spec", "text"),
    [
        ("as it is", ".2f", "as it is"),
        (True, ".2f", "yes"),
        (torch.tensor(False), None, "no"),
        (3, ".2f", "3"),
        (-3, ".2f", "−3"),
        (1234567, [","], "1,234,567"),
        (2, [".1f"], "2.0"),
        (0.25, ".1%", "25.0%"),
        (-0.004, ".2f", "0.00"),
        (-1e-9, ".0e", "−1e−09"),
        (torch.tensor(1.5, dtype=torch.float64), ".2f", "1.50"),
        ((1.25, 0.5), ".2f", "1.25 ± 0.50"),
        ((1.25, math.nan), ".2f", "1.25"),
        (None, ".2f", "–"),
        (math.nan, ".2f", "–"),
        (math.inf, ".2f", "inf"),
        (7, [None], "7"),
    ],
)
def test_an_entry_is_written_by_its_kind(entry, spec, text):
    (row,) = Table(["x"], [[entry]], spec if spec is not None else [None]).rows
    assert row == (text,)


def test_columns_of_numbers_are_set_on_the_right():
    rows = [("a", 1, (0.5, 0.1), None, "10%", "3 of 4"), ("b", -22, (-1.0, 0.2), 3.0, "< 5%", "4 of 4")]
    rule = Table(list("uvwxyz"), rows).markdown.splitlines()[1]
    assert rule == "| --- | ---: | ---: | ---: | ---: | --- |"


def test_a_bar_does_not_end_an_entry():
    assert Table(["|M|"], [["1 | 2"]]).markdown.splitlines() == [r"| \|M\| |", "| --- |", r"| 1 \| 2 |"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["a", "b"], [[1, 2], [1]]), ValueError, "rows: row 1 has 1 entries; expected 2"),
        ((["a"], [["two\nlines"]]), ValueError, "rows: row 0: expected text without line breaks"),
        ((["a"], [[object()]]), TypeError, "rows: row 0: expected text or a number, got object"),
        ((["a"], [[(1.0, 2.0, 3.0)]]), ValueError, "rows: row 0: expected .value, half-width."),
        ((["a", "b"], [], [".2f"]), ValueError, "formats: expected 2, one for each column, got 1"),
        ((["a"], [], [2]), TypeError, "formats: expected texts such as '.2f', got 2"),
        (([3], []), TypeError, "header: expected text, got 3"),
    ],
)
def test_a_table_is_checked_before_it_is_made(arguments, error, message):
    with pytest.raises(error, match=message):
        Table(*arguments)


def test_an_infinite_number_stands_on_the_right_with_the_others():
    table = Table(["p", "risk"], [(1, 0.5), (100, math.inf)], [None, ".2f"])
    assert "---:" in table.markdown.splitlines()[1].split("|")[2]
    assert repr(table).splitlines()[-1].endswith("inf")
