"""What this book adds to Sphinx: an offline site, honest launch buttons, alt texts that speak.

* **Launch buttons** need the address of the repository. It is ``$REPOSITORY_URL``, else the
  ``origin`` remote when that is on GitHub or GitLab; without an address the buttons are left out.
  With ``$BINDERHUB_URL``, the address of a BinderHub, each chapter has a button that runs it there.
* **Offline.** The part of MathJax that the pages use is copied beside them, and live code, which
  loads scripts from another host, is switched off. Read from a folder, the search page lists what it
  finds without excerpts, which a browser would refuse it.
* **Images** without an alternative text, or with their file path for one, are warnings too.
* **Docstrings** may write |M| and (*shape, V); the fields of named tuples are described once.
* ``BOOK_EXECUTE`` overrides ``execute_notebooks`` of ``_config.yml`` (``off``: committed outputs).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

logger = logging.getLogger(__name__)

# What tex-chtml.js loads while it runs; the other 20 MB of MathJax serve other inputs and outputs.
MATHJAX_PARTS = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts")

# Sphinx's search fetches the pages it found, for an excerpt; a browser does not let a file do so.
NO_EXCERPTS_FROM_A_FOLDER = (
    'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'
)


def repository_url(folder: Path) -> str:
    """Find the public address of the repository.

    Args:
        folder: A folder of the working tree.

    Returns:
        ``$REPOSITORY_URL`` if set, else the web address of the ``origin`` remote if it is on GitHub
        or GitLab, else the empty string.
    """
    url = os.environ.get("REPOSITORY_URL", "").strip()
    if not url and shutil.which("git"):
        remote = subprocess.run(
            ["git", "-C", str(folder), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        found = re.fullmatch(
            r"(?:https://|ssh://git@|git@)(?:[^@/]*@)?(github\.com|gitlab\.com)[:/](.+?)(?:\.git)?/?",
            remote,
        )
        url = f"https://{found[1]}/{found[2]}" if found else ""
    return url.rstrip("/").removesuffix(".git").rstrip("/")


def configure(app: Sphinx, config: Config) -> None:
    """Set the repository's address, or take the launch buttons out; read ``BOOK_EXECUTE``."""
    options = config.html_theme_options
    url = repository_url(Path(app.srcdir))
    if url:
        options.update(repository_url=url, use_repository_button=True, use_issues_button=True)
        if hub := os.environ.get("BINDERHUB_URL", "").strip().rstrip("/"):
            options.setdefault("launch_buttons", {})["binderhub_url"] = hub
    else:
        options.pop("launch_buttons", None)
        options.pop("repository_url", None)
    config.nb_execution_mode = os.environ.get("BOOK_EXECUTE") or config.nb_execution_mode


def switch_off_live_code(app: Sphinx) -> None:
    """Disconnect sphinx-thebe, which refers to a script on another host from every page."""
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            if listener.handler.__module__ == "sphinx_thebe":
                app.disconnect(listener.id)
    app.registry.css_files[:] = [entry for entry in app.registry.css_files if entry[0] != "sphinx-thebe.css"]


def check_alt_texts(_app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Warn of images that say nothing to a reader who does not see them."""
    for image in doctree.findall(nodes.image):
        alt = image.get("alt", "").strip()
        if not alt or alt == image["uri"] or alt.endswith((".png", ".svg", ".jpg")):
            logger.warning(
                "image without an alternative text: %s (in a notebook: "
                'mystnb={"image": {"alt": "..."}} in the cell\'s metadata)',
                image["uri"],
                location=image if image.line else docname,
            )


def mend_docstring(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Let a docstring write |M| and (*shape, V): no substitution, no emphasis is meant."""
    for i, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [re.sub(r"\||(?<=\()\*(?=\w+[,)])", r"\\\g<0>", part) for part in parts[::2]]
        lines[i] = "".join(parts)


def skip_tuple_fields(
    _app: Sphinx, _what: str, _name: str, obj: object, _skip: bool, _options: object
) -> bool | None:
    """Leave out the fields of named tuples: the docstring of the class has them already."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Copy the parts of MathJax that the pages use."""
    if exception is not None or app.builder.format != "html":
        return
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise RuntimeError("sphinx-mathjax-offline is not installed: formulas would need the network")
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX_PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, target / part)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the functions above to Sphinx's events."""
    app.add_js_file(None, body=NO_EXCERPTS_FROM_A_FOLDER, priority=300)
    app.connect("config-inited", configure, priority=100)
    app.connect("builder-inited", switch_off_live_code, priority=100)
    app.connect("autodoc-process-docstring", mend_docstring, priority=600)
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.connect("doctree-resolved", check_alt_texts)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
