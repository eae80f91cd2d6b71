"""What is raised when a theorem's assumption does not hold."""

from __future__ import annotations

from collections.abc import Callable

from hmmlib.constructions.dependencies import Dependency

_MOST_TERMS = 6


class AssumptionError(ValueError):
    """An assumption of a theorem does not hold, so that what the theorem promises cannot be built."""


class DependentColumnsError(AssumptionError):
    """Emission columns that should be independent depend on one another.

    Attributes:
        dependency: The dependency; its columns are states, or columns of a memory model's emissions.
    """

    def __init__(self, message: str, dependency: Dependency) -> None:
        super().__init__(message)
        self.dependency = dependency


class UnreachableStateError(AssumptionError):
    """A state that the task weighs is never reached.

    Attributes:
        state: The state.
    """

    def __init__(self, message: str, state: int) -> None:
        super().__init__(message)
        self.state = state


class SearchGaveUpError(AssumptionError):
    """A search ended before all was tried: whether the assumption can be satisfied is not known."""


def equation(dependency: Dependency, name: Callable[[int], str]) -> str:
    """Write a dependency as an equation.

    Args:
        dependency: The dependency.
        name: The name of a column.

    Returns:
        Text such as ``W[:, 3] = 0.5·W[:, 0] + 0.5·W[:, 7]``.
    """
    # The largest first; of those that are equal but for rounding, by column.
    terms = sorted(dependency.combination.items(), key=lambda term: (-float(f"{abs(term[1]):.9g}"), term[0]))
    text = "".join(
        f" {'−' if factor < 0 else '+'} {abs(factor):.3g}·{name(column)}"
        for column, factor in terms[:_MOST_TERMS]
    )
    more = f" + … ({len(terms) - _MOST_TERMS} more terms)" if len(terms) > _MOST_TERMS else ""
    return f"{name(dependency.column)} ={text.removeprefix(' +') or ' 0'}{more}"
