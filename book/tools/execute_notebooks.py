"""Write the notebooks anew from their paired scripts, executed from the top in a fresh kernel.

Run as ``make notebooks``, or with the names of some: ``make notebooks NOTEBOOKS=head_tuning``. The
script (``.py``) is the source, the notebook (``.ipynb``) is made from it. What would differ between
two runs or two machines is left out: times, versions, random cell ids, messages on stderr.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from jupytext.config import load_jupytext_config
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_TIMEOUT = 600  # seconds, as in _config.yml


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


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Execute a notebook in place and drop what differs between two runs.

    Args:
        notebook: The notebook.
        folder: Working directory of the kernel.

    Raises:
        CellExecutionError: If a cell raises.
    """
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name=KERNELSPEC["name"],
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    notebook.metadata["language_info"].pop("version", None)


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
        print(f"{script.relative_to(ROOT)}: brought in standard form")


def main() -> int:
    """Execute the notebooks named on the command line, or all.

    Returns:
        The exit status: 0, or 1 if a notebook failed.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="names without folder and ending; all if none is given")
    names = parser.parse_args().names or sorted(path.stem for path in NOTEBOOKS.glob("*.py"))
    os.environ["TQDM_DISABLE"] = "1"
    failed = 0
    for name in names:
        script = NOTEBOOKS / f"{name}.py"
        if not script.is_file():
            parser.error(f"there is no {script.relative_to(ROOT)}")
        started = time.perf_counter()
        notebook = notebook_from_script(script)
        try:
            execute(notebook, NOTEBOOKS)
        except CellExecutionError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = 1
            continue
        target = script.with_suffix(".ipynb")
        nbformat.write(notebook, target)
        bring_in_standard_form(script)
        seconds, size = time.perf_counter() - started, target.stat().st_size / 1024
        print(f"{target.relative_to(ROOT)}: {seconds:.1f} s, {size:.0f} KiB", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
