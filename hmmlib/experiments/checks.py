"""What is wrong with a cell's configuration, said before anything is computed.

Recipes check themselves when they are made. Here is what else the configurations of several experiments have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hmmlib._checks import check_positive_int
from hmmlib.hmm import N_SYNTAX
from hmmlib.pretraining import PretrainingRecipe

_SEEDS = 2**32


def check_texts(sizes: Sequence[int], length: int) -> None:
    """Check what is said of labelled texts.

    Args:
        sizes: Numbers of training, validation and test texts.
        length: Tokens in a text.

    Raises:
        TypeError: No sequence, or a number that is not an integer.
        ValueError: Not three sizes, or a number below 1.
    """
    if not isinstance(sizes, list | tuple):
        raise TypeError(f"sizes: expected three (train, validation, test), got {sizes!r}")
    if len(sizes) != 3:
        raise ValueError(f"sizes: expected three (train, validation, test), got {len(sizes)}: {sizes}")
    for size in sizes:
        check_positive_int(size, "sizes")
    check_positive_int(length, "length")


def check_point(n_states: int, n_values: int, seed: int) -> None:
    """Check what is said of an HMM.

    Args:
        n_states: Number of flat states.
        n_values: Number of memory values; 0 for a vanilla HMM.
        seed: Of the HMM and all else that is drawn.

    Raises:
        TypeError: A number that is not an integer.
        ValueError: A number out of range, or states that are not |𝒮| = 4 for each value.
    """
    check_positive_int(n_states, "n_states")
    check_positive_int(n_values, "n_values", 0)
    check_seed(seed)
    if n_values and n_states != N_SYNTAX * n_values:
        raise ValueError(f"n_states: expected {N_SYNTAX} for each of {n_values} values, got {n_states}")


def check_seed(seed: int) -> None:
    """Check a seed.

    Args:
        seed: The seed.

    Raises:
        TypeError: Not an integer.
        ValueError: Negative, or beyond 32 bits.
    """
    if check_positive_int(seed, "seed", 0) >= _SEEDS:
        raise ValueError(f"seed: expected a seed 0 … 2**32 − 1, got {seed}")


def check_positions(recipe: PretrainingRecipe, length: int, n_prompt: int = 0) -> None:
    """Check that a transformer has positions for the texts that it will see.

    Args:
        recipe: Of the pretraining.
        length: Tokens in a labelled text, after the blank.
        n_prompt: Vectors in front of it.

    Raises:
        ValueError: It has too few.
    """
    needed, limit = n_prompt + 1 + length, recipe.transformer.max_positions
    if recipe.transformer.positions == "learned" and needed > limit:
        raise ValueError(
            f"length: prompts of {n_prompt}, the blank and texts of {length} tokens take {needed} positions; "
            f"the transformer learns max_positions = {limit}"
        )


def check_labels(config: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check entries that are words for people.

    Args:
        config: The configuration of a cell.
        names: Those of the entries.

    Raises:
        TypeError: An entry that is no word.
    """
    for name in names:
        if not isinstance(config[name], str):
            raise TypeError(f"{name}: expected a word, got {config[name]!r}")


def check_named_kind(entry: Mapping[str, Any], kinds: Iterable[str], name: str) -> str:
    """Return the `kind` that part of a configuration says it is of, or raise.

    Args:
        entry: The part.
        kinds: The kinds there are.
        name: The part's name, for the message.

    Returns:
        The kind.

    Raises:
        ValueError: There is no such kind.
    """
    kind = entry.get("kind")
    known = list(kinds)
    if kind not in known:
        raise ValueError(f"{name}: expected one of the kinds {', '.join(known)}, got {kind!r}")
    return str(kind)
