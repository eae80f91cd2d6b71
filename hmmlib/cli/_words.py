"""How words of a command line are read, and what its help says of the defaults."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin

_SECONDS = {"s": 1, "m": 60, "h": 3600}
PICTURES = (".svg", ".png", ".pdf")


def kind_of(hint: Any) -> dict[str, Any]:
    """How a field of a configuration is read.

    Args:
        hint: Its type.

    Returns:
        Arguments for `argparse.ArgumentParser.add_argument`.
    """
    if get_origin(hint) is not tuple:
        return {"type": hint}
    first, *rest = get_args(hint)
    if rest != [...]:
        return {"type": first, "nargs": 1 + len(rest), "action": _Tuple}
    kinds = [kind for kind in get_args(first) or (first,) if kind is not type(None)]
    if kinds == [int]:
        return {"type": integers, "nargs": "*", "action": _Flat, "metavar": "N or N-M"}
    return {"type": kinds[0], "nargs": "*", "action": _Tuple}


class _Tuple(argparse.Action):
    def __call__(
        self, _parser: Any, asked: argparse.Namespace, values: Any, _option: str | None = None
    ) -> None:
        setattr(asked, self.dest, tuple(values))


class _Flat(argparse.Action):
    def __call__(
        self, _parser: Any, asked: argparse.Namespace, values: Any, _option: str | None = None
    ) -> None:
        setattr(asked, self.dest, tuple(number for numbers in values for number in numbers))


def integers(word: str) -> tuple[int, ...]:
    """A number, or a range with both its ends.

    Args:
        word: As in ``7`` or ``1-20``.

    Returns:
        The numbers.

    Raises:
        ArgumentTypeError: Something else.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if first > last:
        raise argparse.ArgumentTypeError(f"expected a number or a range such as 1-20, got {word!r}")
    return tuple(range(first, last + 1))


def duration(word: str) -> float:
    """A time with its unit.

    Args:
        word: As in ``90s``, ``9m`` or ``1.5h``.

    Returns:
        Seconds.

    Raises:
        ArgumentTypeError: Something else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", word)
    if not found or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 9m or 1.5h, got {word!r}")
    return float(found[1]) * _SECONDS[found[2]]


def picture(word: str) -> Path:
    """A file for a picture.

    Args:
        word: Its path.

    Returns:
        The path.

    Raises:
        ArgumentTypeError: Its ending is not that of a picture.
    """
    if not word.endswith(PICTURES):
        raise argparse.ArgumentTypeError(
            f"expected a name that ends in {' or '.join(PICTURES)}, got {word!r}"
        )
    return Path(word)


def change(word: str) -> tuple[str, Any]:
    """A new value for an entry of the recipe.

    Args:
        word: As in ``scale.length=64``: the path of the entry, and JSON. What is no JSON is a bare word.

    Returns:
        Path and value.

    Raises:
        ArgumentTypeError: Something else, or a number that is not finite.
    """
    path, equals, text = word.partition("=")
    if not equals or not all(part.strip() for part in path.split(".")):
        raise argparse.ArgumentTypeError(f"expected PATH=VALUE such as scale.length=64, got {word!r}")
    try:
        return path, json.loads(text, parse_constant=_not_finite)
    except json.JSONDecodeError:
        return path, text


def _not_finite(word: str) -> NoReturn:
    raise argparse.ArgumentTypeError(f"expected a finite number, got {word}")


def read_recipe(path: Path) -> Mapping[str, Any]:
    """The changes in a recipe file.

    Args:
        path: The file.

    Returns:
        New values by path, or nested.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It does not hold a table of JSON.
    """
    try:
        found = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"--recipe: {path} is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise ValueError(f'--recipe: {path}: expected a table such as {{"scale": {{"length": 64}}}}')
    return found


def one_of(names: Iterable[str]) -> str:
    """Names as they are typed.

    Args:
        names: The names, which may have spaces and commas in them.

    Returns:
        All of them, quoted as a shell needs it.
    """
    return ", ".join(map(quoted, names))


def quoted(name: str) -> str:
    """A name as it is typed.

    Args:
        name: The name.

    Returns:
        It, in quotes where a shell needs them.
    """
    if shlex.quote(name) == name:
        return name
    return f"'{name}'" if "'" not in name else f'"{name}"'


def help_text(text: str) -> str:
    """A help text as argparse wants it.

    Args:
        text: The text, in which % is a mere sign.

    Returns:
        The text, escaped.
    """
    return text.replace("%", "%%")


def with_defaults(text: str, values: Mapping[str, Any], hint: Any) -> str:
    """The help of an option whose default depends on the preset.

    Args:
        text: What the option is.
        values: Its default by preset.
        hint: Its type.

    Returns:
        The text, and the defaults, unless it says them itself.
    """
    if "by default" in text:
        return text
    presets: dict[str, list[str]] = {}
    for preset, value in values.items():
        presets.setdefault(_as_typed(value, hint), []).append(preset)
    if len(presets) == 1:
        return f"{text} ({next(iter(presets))} by default)"
    parts = [f"{value} with {_listed(names)}" for value, names in presets.items()]
    return f"{text} (by default {'; '.join(parts)})"


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _as_typed(value: Any, hint: Any) -> str:
    if not isinstance(value, tuple):
        return quoted(str(value))
    if hint == tuple[int, ...]:
        return _ranges(value) or "none"
    return " ".join(quoted(str(entry)) for entry in value) or "none"


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers as `integers` reads them; three or more in a row are a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else " ".join(map(str, run)) for run in runs)
