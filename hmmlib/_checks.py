"""Checks of arguments, shared by the whole library.

Every message names the argument, where the trouble is, the value found and what was expected.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.masked import MaskedTensor

ArrayLike: TypeAlias = Tensor | np.ndarray | Sequence[object]
Kind = TypeVar("Kind")

# How far from one a row may sum: what dividing by the sum in that type, and rounding, can leave.
_ROW_TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
_FLOATS = (torch.float64, torch.float32)


def as_tensor(values: ArrayLike, name: str, expected: str) -> Tensor:
    """Return plain tensors as they are and anything else as a copy; complain about text, None, ragged lists.

    Args:
        values: An array of numbers or booleans.
        name: The argument's name, for the message.
        expected: What should have been given, for the message.

    Returns:
        The tensor.

    Raises:
        TypeError: `values` is no array of numbers or booleans, or hides entries behind a mask.
        ValueError: `values` is a tensor that holds no numbers, as those on the meta device.
    """
    if isinstance(values, Tensor):
        return _plain(values, name, expected)
    if _is_masked(values):
        raise TypeError(
            f"{name}: expected {expected}, got a masked array x, whose mask would be lost; pass x.data, and "
            "for texts with unknown tokens observed=~x.mask"
        )
    try:
        # The copy is for torch, which takes no reversed views and warns of read-only arrays. By way of
        # numpy, lists of Python floats keep their double precision.
        return torch.from_numpy(np.array(values))
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition(". ")[0]  # what follows lists all types of torch
        raise TypeError(f"{name}: expected {expected}, got {type(values).__name__}: {reason}") from None


def check_tensor(values: Tensor, name: str, expected: str = "a tensor of real numbers") -> Tensor:
    """Return `values` if it is a plain tensor of floating-point numbers, or raise.

    Args:
        values: The argument.
        name: Its name, for the message.
        expected: What should have been given, for the message.

    Returns:
        The tensor.

    Raises:
        TypeError: Another object, or a tensor of another kind or type.
        ValueError: A tensor that holds no numbers, as those on the meta device.
    """
    if not isinstance(values, Tensor):
        raise TypeError(f"{name}: expected {expected}, got {type(values).__name__}")
    if not values.is_floating_point():
        raise TypeError(f"{name}: expected {expected}, got {values.dtype}")
    return _plain(values, name, expected)


def _plain(values: Tensor, name: str, expected: str) -> Tensor:
    kind = ""
    if isinstance(values, MaskedTensor):
        kind = "a MaskedTensor, whose mask would be lost; pass its data, and for texts observed=mask"
    elif values.is_nested:
        kind = "a nested tensor; pad its rows to one length, and for texts pass lengths="
    elif values.layout != torch.strided or values.is_quantized:
        kind = f"one of layout {values.layout} and type {values.dtype}; make it dense"
    if kind:
        raise TypeError(f"{name}: expected {expected}, got {kind}")
    if values.is_meta:
        raise ValueError(f"{name}: expected {expected}, got a tensor on the meta device, which holds none")
    return values


def _is_masked(values: object) -> bool:
    """A masked array of numpy, or a list with one in it."""
    if isinstance(values, list | tuple):
        return any(_is_masked(part) for part in values)
    return isinstance(values, np.ma.MaskedArray)


def own_copy(table: Tensor) -> Tensor:
    """A copy for the caller to write to; made in inference mode too it is fit for work with gradients."""
    with torch.inference_mode(False):
        return table.clone()


def check_kind(value: Kind, kinds: type[Kind] | tuple[type, ...], name: str, expected: str) -> Kind:
    """Return `value` if it is an object of the right class, or raise TypeError."""
    if not isinstance(value, kinds):
        raise TypeError(f"{name}: expected {expected}, got {_shown(value)}")
    return value


def check_entries(
    stored: Mapping[str, Any], kind: type, name: str, needed: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the entries that an object is made from, or raise.

    Args:
        stored: The entries.
        kind: The dataclass that they are fields of.
        name: The argument's name, for the message.
        needed: Entries that may not be missing.

    Returns:
        A copy.

    Raises:
        TypeError: No mapping, or an entry that is no field.
        ValueError: An entry is missing.
    """
    fields = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(stored, Mapping):
        raise TypeError(f"{name}: expected a mapping, as of to_dict, got {_shown(stored)}")
    unknown = [key for key in stored if key not in fields]
    if unknown:
        raise TypeError(f"{name}: {kind.__name__} has no entry {unknown[0]!r}; expected some of {fields}")
    missing = [key for key in needed if key not in stored]
    if missing:
        raise ValueError(f"{name}: has no entry {missing[0]!r}; expected those of {kind.__name__}.to_dict")
    return dict(stored)


def _shown(value: object) -> str:
    """The value if it is short, its kind otherwise."""
    text = repr(value)
    return text if len(text) <= 40 and isinstance(value, str | int | float | None) else type(value).__name__


def float_tensor(values: ArrayLike, name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Copy `values` into a tensor of the given type; complain about text, objects and complex numbers."""
    tensor = real_tensor(values, name)
    check_dtype(dtype)
    # Made in inference mode, a parameter would be barred from all later work with gradients.
    with torch.inference_mode(False):
        return tensor.to(dtype=dtype, device=device, copy=True)


def check_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return a type that a model can compute in, or raise ValueError."""
    if dtype not in _FLOATS:
        raise ValueError(f"dtype: expected torch.float64 or torch.float32, got {dtype!r}")
    return dtype


def real_tensor(values: ArrayLike, name: str) -> Tensor:
    """Return `values` as a tensor of real numbers without gradients, in the type that they come in."""
    tensor = as_tensor(values, name, "an array of numbers")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name}: expected real numbers, got {tensor.dtype}")
    return tensor.detach()


def distributions(
    table: Tensor, name: str, axes: Sequence[str], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Copy a table of distributions, rescaled if it comes in another type of floating-point numbers.

    Args:
        table: Probabilities, shape (..., n); sums are judged by what its type can hold.
        name: The argument's name, for the message.
        axes: Names of the leading axes, for the message.
        dtype: Type of the copy.
        device: Where it is put.

    Returns:
        The copy, the very numbers of `table` if it has the type already.

    Raises:
        ValueError: An entry is NaN, infinite or negative, or a row does not sum to one.
    """
    _check_distributions(table, name, axes)
    with torch.inference_mode(False):  # as in `float_tensor`
        copy = table.to(dtype=dtype, device=device, copy=True)
        if table.is_floating_point() and table.dtype != dtype:
            copy /= copy.sum(-1, keepdim=True)
    return copy


def _check_distributions(table: Tensor, name: str, axes: Sequence[str]) -> None:
    """Raise unless every row along the last axis is a distribution, as exactly as its type can say."""
    bad = ~torch.isfinite(table) | (table < 0)
    if bad.any():
        where = tuple(int(i) for i in bad.nonzero()[0])
        value = float(table[where])
        raise ValueError(
            f"{name}: {_place(axes, where[:-1])}entry {where[-1]} is {value:g}; "
            "expected a finite probability >= 0"
        )
    sums = table.double().sum(-1)
    tolerance = _ROW_TOLERANCES.get(table.dtype, 0.0)  # whole numbers have nothing to round
    off = (sums - 1).abs() > tolerance
    if off.any():
        where = tuple(int(i) for i in off.nonzero()[0]) if sums.ndim else ()
        total = float(sums[where])
        advice = f" (to rescale: {name} / {name}.sum(-1, keepdims=True), in float64)" if total else ""
        raise ValueError(
            f"{name}: {_place(axes, where)}sums to {total:.10g}; expected 1 within {tolerance:g}{advice}"
        )


def check_finite(table: Tensor, name: str) -> None:
    """Raise unless every number is finite.

    Args:
        table: Numbers, shape (n,), or (rows, n).
        name: The argument's name, for the message.

    Raises:
        ValueError: One is NaN or infinite.
    """
    bad = (~torch.isfinite(table)).nonzero()
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        place = f"row {where[0]}, " if len(where) == 2 else ""
        raise ValueError(
            f"{name}: {place}entry {where[-1]} is {float(table[where])}; expected a finite number"
        )


def _place(axes: Sequence[str], where: Sequence[int]) -> str:
    if not where:
        return ""
    return ", ".join(f"{axis} {i}" for axis, i in zip(axes, where, strict=True)) + ": "


def real_array(values: ArrayLike, name: str, shape: tuple[int, ...]) -> Tensor:
    """Return finite real numbers of a shape in double precision, or raise.

    Args:
        values: The numbers.
        name: The argument's name, for the message.
        shape: The shape; −1 where any length from 1 is right.

    Returns:
        The numbers.

    Raises:
        TypeError: No real numbers.
        ValueError: Another shape, or a number that is not finite.
    """
    found = real_tensor(values, name).detach().cpu().double()
    fits = found.ndim == len(shape) and all(
        size == wanted or (wanted == -1 and size) for size, wanted in zip(found.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size == -1 else str(size) for size in shape)
        raise ValueError(f"{name}: expected shape ({wanted}), got {tuple(found.shape)}")
    check_finite(found, name)
    return found


def check_positive_int(value: int, name: str, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`, or raise."""
    value = _check_int(value, name)
    if value < minimum:
        raise ValueError(f"{name}: expected at least {minimum}, got {value}")
    return value


def check_cell(cell: int, n_cells: int) -> int:
    """Return `cell` as an int in 0 … n_cells − 1, or raise."""
    cell = _check_int(cell, "cell")
    if not 0 <= cell < n_cells:
        raise ValueError(f"cell: expected 0 … {n_cells - 1}, got {cell}")
    return cell


def _check_int(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    return int(value)


def check_positive(value: float, name: str) -> float:
    """Return `value` as a finite float above zero, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number > 0, got {value!r}")
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name}: expected a finite number > 0, got {value!r}")
    return float(value)


def check_number(value: float, name: str, expected: str = "a finite number") -> float:
    """Return `value` as a finite float, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected {expected}, got {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
    return float(value)


def check_fraction(value: float, name: str, *, above_zero: bool = False, below_one: bool = False) -> float:
    """Return `value` as a float from 0 to 1, an end excluded if asked, or raise."""
    low, high = ("0 <" if above_zero else "0 ≤"), ("< 1" if below_one else "≤ 1")
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number {low} {name} {high}, got {value!r}")
    inside = 0 <= value <= 1 and not (above_zero and value == 0) and not (below_one and value == 1)
    if not inside:
        raise ValueError(f"{name}: expected a number {low} {name} {high}, got {value!r}")
    return float(value)


def check_path(path: str | Path, name: str = "path") -> Path:
    """Return the path of a file, or raise TypeError."""
    if not isinstance(path, str | PathLike):
        raise TypeError(f"{name}: expected the path of a file, got {_shown(path)}")
    return Path(path)


def check_device(device: str | torch.device | None) -> torch.device:
    """Return a device that exists and can be used, or raise ValueError."""
    try:
        found = torch.device("cpu" if device is None else device)
        torch.zeros(1, device=found).item()  # the meta device makes tensors, but they hold no numbers
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device: cannot use {device!r}; expected e.g. 'cpu' or 'cuda' ({reason})") from None
    return found


def check_integers(found: Tensor, name: str) -> Tensor:
    """Return integers of any type as int64, or raise TypeError."""
    if found.dtype.is_floating_point or found.dtype.is_complex or found.dtype == torch.bool:
        raise TypeError(f"{name}: expected integers, got {found.dtype}")
    return found.long()


def check_members(values: ArrayLike, name: str, count: int) -> Tensor:
    """Return a list of numbers of things, or raise.

    Args:
        values: The numbers, 0 … count − 1, shape (m,).
        name: The argument's name, for the message.
        count: How many things there are.

    Returns:
        The numbers, int64, in their order.

    Raises:
        TypeError: No integers.
        ValueError: No number, or one out of range; the message names the entry.
    """
    given = as_tensor(values, name, "integers")
    if given.ndim != 1 or not len(given):
        raise ValueError(f"{name}: expected a list of one or more, got shape {tuple(given.shape)}")
    found = check_integers(given, name)
    wrong = ((found < 0) | (found >= count)).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(f"{name}: expected 0 … {count - 1}, entry {row} is {int(found[row])}")
    return found
