"""The notebooks in JupyterLab, as a reader runs them with the network off: open one, click *Run All*."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

ROOT = Path(__file__).resolve().parents[2]
BINDER = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
# The chapter that Binder opens, and a short one.
NAMES = [re.search(r"/lab/tree/notebooks/(\w+)\.ipynb", BINDER)[1], "library_speed"]
PORT = re.compile(r"http://127\.0\.0\.1:(\d+)/lab")
PATIENCE = 300.0

pytestmark = pytest.mark.browser


def images(cells: list[nbformat.NotebookNode]) -> int:
    """How many outputs of some cells are pictures."""
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))


def code_cells(notebook: Path) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the notebooks as they are before anything was run, and their scripts."""
    folder = tmp_path_factory.mktemp("reader") / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    for name in NAMES:
        notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab with an empty home folder, in the environment that `make lab` uses."""
    home, token = tmp_path_factory.mktemp("home"), secrets.token_hex(8)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    environment |= {"HOME": str(home), "MPLCONFIGDIR": str(home / "matplotlib"), "TQDM_DISABLE": "1"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder.parent}"]
    # A server started by root has to be told that this is meant.
    command += ["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    log = home / "log"
    with log.open("w") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT, cwd=home)
    try:
        port = wait_for_port(server, log)
        yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{}}.ipynb?token={token}&reset"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def wait_for_port(server: subprocess.Popen[bytes], log: Path) -> str:
    """Where a server listens, as soon as it answers."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        if found := PORT.search(log.read_text()):
            try:
                urlopen(f"http://127.0.0.1:{found[1]}/api").close()
                return found[1]
            except URLError:
                pass
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture
def elsewhere() -> list[str]:
    """What a window asked of other machines."""
    return []


@pytest.fixture
def page(browser: Browser, elsewhere: list[str]) -> Iterator[Page]:
    """A window that reaches this machine only."""

    def decide(route: Route) -> None:
        if route.request.url.startswith("http://127.0.0.1:"):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.route(re.compile("^https?:"), decide)
        yield page


def to_the_notebook(page: Page) -> None:
    """Let menus and keys mean the notebook: what is clicked first may still be the window around it."""
    page.locator("#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current").click()


def run_all_cells(page: Page, until: float) -> None:
    """Choose *Run All* until the first cell runs: the menu is there before it knows of the notebook."""
    from playwright.sync_api import TimeoutError as NotYet

    runs = page.locator(".jp-CodeCell .jp-InputPrompt").filter(has_text=re.compile(r"\[(\*|\d+)\]")).first
    while True:
        to_the_notebook(page)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        try:
            runs.wait_for(timeout=20_000)
            return
        except NotYet:
            assert time.monotonic() < until, "no cell ran"
            page.keyboard.press("Escape")


@pytest.mark.parametrize("name", NAMES)
def test_run_all(page: Page, elsewhere: list[str], lab: str, folder: Path, name: str) -> None:
    notebook = folder / f"{name}.ipynb"
    page.goto(lab.format(name))
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(state="attached")
    # Theorems and formulas are shown by an extension.
    page.locator(".jp-Notebook .katex").first.wait_for(state="attached")

    until = time.monotonic() + PATIENCE
    run_all_cells(page, until)
    while not all(cell.execution_count for cell in code_cells(notebook)):
        assert time.monotonic() < until, [
            cell.source for cell in code_cells(notebook) if not cell.execution_count
        ]
        page.wait_for_timeout(1000)
        to_the_notebook(page)
        page.keyboard.press("Control+s")

    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    said = [output for cell in cells for output in cell.outputs]
    assert not [output for output in said if output.output_type == "error" or output.get("name") == "stderr"]
    assert images(cells) == images(code_cells(ROOT / "notebooks" / notebook.name)) > 0
    # Whether it may fetch news is not asked; Binder and `make lab` have switched that off.
    assert page.locator(".Toastify__toast").count() == 0
    assert not elsewhere
