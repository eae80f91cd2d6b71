"""Imports go one way through the house: each room stands on a floor, and imports from floors below only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HMMLIB = Path(__file__).resolve().parents[1] / "hmmlib"

FLOORS = (
    {"_checks", "_display", "_files", "_precision", "_random", "tables"},
    {"_texts"},
    {"hmm", "sweeps"},
    {"_book", "lm"},
    {"densities", "heads", "pretraining", "regression", "tasks", "words"},
    {
        "certificates",
        "constructions",
        "processes",
        "reasoning",
        "retrieval",
        "spans",
        "transduction",
        "tuning",
    },
    {"analysis", "experiments"},
    {"plotting"},
    {"cli"},
    {"__main__", "__init__"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room_of(file: Path) -> str:
    """The package at hmmlib's first level, or the module there, that a file belongs to."""
    return file.relative_to(HMMLIB).parts[0].removesuffix(".py")


def imported_rooms(source: str) -> list[tuple[int, str]]:
    """Line and room of each import of hmmlib, wherever it stands in the file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: an import with dots; say hmmlib.…"
            module = node.module or ""
            names = [f"hmmlib.{alias.name}" for alias in node.names] if module == "hmmlib" else [module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found += [(node.lineno, name.split(".")[1]) for name in names if name.startswith("hmmlib.")]
    return found


def upward(file: Path, source: str) -> list[str]:
    """What a file imports from its own floor or from above."""
    own = room_of(file)
    return [
        f"{file.relative_to(HMMLIB)}:{line}: {own} (floor {FLOOR[own]}) imports {room} (floor {FLOOR[room]})"
        for line, room in imported_rooms(source)
        if room != own and FLOOR[room] >= FLOOR[own]
    ]


@pytest.mark.parametrize("file", sorted(HMMLIB.rglob("*.py")), ids=lambda f: str(f.relative_to(HMMLIB)))
def test_imports_go_down(file):
    assert upward(file, file.read_text(encoding="utf-8")) == []


def test_every_room_has_a_floor_and_no_floor_is_empty():
    there = {room_of(file) for file in HMMLIB.rglob("*.py")}
    assert there == set(FLOOR)


@pytest.mark.parametrize(
    "line",
    [
        "from hmmlib.tuning import tune_head",
        "def f():\n    import hmmlib.experiments.scoring as s",
        "from hmmlib import cli",
    ],
)
def test_a_planted_upward_import_is_found(line):
    (message,) = upward(HMMLIB / "hmm" / "vanilla.py", line)
    assert message.startswith("hmm/vanilla.py:")
    assert f"hmm (floor {FLOOR['hmm']}) imports" in message


def test_a_room_that_nobody_placed_is_an_error():
    with pytest.raises(KeyError, match="attic"):
        upward(HMMLIB / "lm" / "base.py", "from hmmlib.attic import trunk")


@pytest.mark.parametrize("room", sorted(path.parent.name for path in HMMLIB.glob("*/__init__.py")))
def test_inside_a_package_modules_import_modules(room):
    # The package itself is what others import from; inside it that would be a circle.
    for file in set((HMMLIB / room).glob("*.py")) - {HMMLIB / room / "__init__.py"}:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.module == f"hmmlib.{room}"), file


def test_the_engine_of_sweeps_knows_no_hmm():
    for file in (HMMLIB / "sweeps").glob("*.py"):
        rooms = {room for _, room in imported_rooms(file.read_text(encoding="utf-8"))}
        assert all(room in FLOORS[0] | {"sweeps"} for room in rooms), file
