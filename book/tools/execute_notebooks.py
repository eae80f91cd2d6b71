"""Execute the notebooks, side by side, the longest first.

``make notebooks``, or ``make notebooks NOTEBOOKS=head_tuning`` for some, writes them anew from their paired
scripts: the script (``.py``) is the source, the notebook (``.ipynb``) is made from it. ``make book`` leaves
the notebooks as they are, and writes executed copies into a folder, from which the pages are built.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import jupytext
import nbformat
from jupytext.config import load_jupytext_config

from cores import cores
from kernels import KERNELSPEC, Outcome, execute_side_by_side

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
COSTS = ROOT / "book" / "results" / "notebook_costs.json"
RECORD = "executed.json"


def notebook_from_script(script: Path) -> nbformat.NotebookNode:
    """Read a script in the percent format as a notebook without outputs.

    Args:
        script: A file ``notebooks/*.py``.

    Returns:
        The notebook. A cell's id is a digest of its source (and of how often that source came
        before), so that an edit changes the ids of the edited cells only.
    """
    notebook = jupytext.read(script, config=load_jupytext_config(str(script)))
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        seen[cell.source] = seen.get(cell.source, 0) + 1
        digest = hashlib.sha256(f"{cell.cell_type} {seen[cell.source]} {cell.source}".encode())
        cell.id = digest.hexdigest()[:8]
    notebook.metadata = {"kernelspec": KERNELSPEC}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def bring_in_standard_form(script: Path) -> None:
    """Write a script as jupytext writes it from its notebook, which may differ in blank lines.

    Args:
        script: A file ``notebooks/*.py`` whose notebook was just written.
    """
    config = load_jupytext_config(str(script))
    notebook = jupytext.read(script.with_suffix(".ipynb"), config=config)
    text = jupytext.writes(notebook, fmt="py:percent", config=config)
    if text != script.read_text(encoding="utf-8"):
        script.write_text(text, encoding="utf-8")
        print(f"{script.name}: brought in standard form")


def longest_first(names: Iterable[str], seconds: dict[str, float]) -> list[str]:
    """Sort notebooks so that side by side they are done soonest.

    Args:
        names: The notebooks.
        seconds: How long each takes, as far as known.

    Returns:
        The names: those that were never measured, which may take long, then from long to short.
    """
    return sorted(names, key=lambda name: (-seconds.get(name, float("inf")), name))


def say(outcome: Outcome) -> None:
    """Print what became of a notebook.

    Args:
        outcome: The outcome.
    """
    if outcome.fault is None:
        print(f"notebooks/{outcome.name}: {outcome.seconds:.1f} s", flush=True)
    else:
        print(f"notebooks/{outcome.name} failed: {outcome.fault}", file=sys.stderr, flush=True)


def write_anew(names: list[str], workers: int, folder: Path) -> list[Outcome]:
    """Execute scripts and write the notebooks beside them; one that fails stays as it was.

    Args:
        names: The scripts, without ending, in the order in which they start.
        workers: How many at a time.
        folder: Where they are.

    Returns:
        The outcomes.
    """
    notebooks = {name: notebook_from_script(folder / f"{name}.py") for name in names}

    def write(outcome: Outcome) -> None:
        say(outcome)
        if outcome.fault is None:
            script = folder / f"{outcome.name}.py"
            nbformat.write(notebooks[outcome.name], script.with_suffix(".ipynb"))
            bring_in_standard_form(script)

    return execute_side_by_side(notebooks, folder, write, workers=workers)


def write_copies(names: list[str], workers: int, target: Path, folder: Path) -> list[Outcome]:
    """Execute notebooks and write copies with their new outputs into a folder.

    Args:
        names: The notebooks, without ending, in the order in which they start.
        workers: How many at a time.
        target: The folder. Copies of before are removed first. If all notebooks succeed, `RECORD` is written
            last: ``seconds`` of each, and ``stored``, the notebooks that were not asked for.
        folder: Where the notebooks are; they are not changed.

    Returns:
        The outcomes.
    """
    target.mkdir(parents=True, exist_ok=True)
    for file in [target / RECORD, *target.glob("*.ipynb")]:
        file.unlink(missing_ok=True)
    notebooks = {name: nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in names}
    for notebook in notebooks.values():
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    outcomes = execute_side_by_side(notebooks, folder, say, workers=workers)
    if not any(outcome.fault for outcome in outcomes):
        for name, notebook in notebooks.items():
            nbformat.write(notebook, target / f"{name}.ipynb")
        record = {
            "seconds": {outcome.name: round(outcome.seconds, 1) for outcome in outcomes},
            "stored": sorted({file.stem for file in folder.glob("*.ipynb")} - set(names)),
        }
        (target / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    """Execute the notebooks named on the command line, or all.

    Args:
        arguments: What stands on the command line; None: that of this process.

    Returns:
        The exit status: 0, or 1 if a notebook failed.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="names without folder and ending; all if none is given")
    parser.add_argument("--into", type=Path, help="write executed copies into this folder")
    parser.add_argument("--workers", type=int, default=cores(), help="how many at a time (all cores)")
    asked = parser.parse_args(arguments)
    there = sorted(path.stem for path in NOTEBOOKS.glob("*.py" if asked.into is None else "*.ipynb"))
    if unknown := sorted(set(asked.names) - set(there)):
        parser.error(f"there is no notebook {', '.join(unknown)}; there are {', '.join(there)}")
    if asked.workers < 1:
        parser.error(f"--workers has to be at least 1, got {asked.workers}")
    costs = json.loads(COSTS.read_text(encoding="utf-8"))["notebooks"] if COSTS.is_file() else {}
    names = longest_first(asked.names or there, {name: cost["seconds"] for name, cost in costs.items()})
    if asked.into is None:
        outcomes = write_anew(names, asked.workers, NOTEBOOKS)
    else:
        outcomes = write_copies(names, asked.workers, asked.into, NOTEBOOKS)
    failed = sorted(outcome.name for outcome in outcomes if outcome.fault)
    if failed:
        print(f"{len(failed)} of {len(outcomes)} notebooks failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
