"""A small site with the book's theme, its explorer, and a page without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CONFIGURATION = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
project = "explorer"
extensions = ["sphinx.ext.autodoc", "myst_nb", "hmmlib_book", "explorer", "finished_pages"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
html_theme = "sphinx_book_theme"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
html_favicon = {str(ROOT / "book" / "favicon.svg")!r}
html_css_files = ["custom.css"]
html_context = {{"default_mode": "auto"}}
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {{"tex": {{"macros": {{"P": "\\\\mathbb{{P}}"}}}}}}
"""

EMBEDS = """# Embeds

:::{explorer} Only what a text reveals
:machines: letters
:panels: reveal
A replacement.
:::

:::{geometry} Only columns and a prompt
:machines: prompt
:panels: prompt
A replacement.
:::
"""

# Without formulas, so that it opens fast.
PIECES = """# Pieces

:::{by-hand} Two states, by hand
:machines: two-tokens, three-tokens
A replacement: the piece needs JavaScript.
:::

:::{geometry} Two simplices
:machines: reviews, quotes, head, prompt
A replacement: the geometry needs JavaScript.
:::
"""


def build(folder: Path) -> Path:
    """Build the site.

    Args:
        folder: An empty folder.

    Returns:
        The folder of its pages: explorer.html, embeds.html, pieces.html, index.html without an explorer.
    """
    source, target = folder / "source", folder / "html"
    source.mkdir()
    (source / "conf.py").write_text(CONFIGURATION, encoding="utf-8")
    page = (ROOT / "book" / "explorer.md").read_text(encoding="utf-8")
    (source / "explorer.md").write_text(page, encoding="utf-8")
    (source / "embeds.md").write_text(EMBEDS, encoding="utf-8")
    (source / "pieces.md").write_text(PIECES, encoding="utf-8")
    index = "# Contents\n\n```{toctree}\nexplorer\nembeds\npieces\n```\n"
    (source / "index.md").write_text(index, encoding="utf-8")
    # Quiet: links to the chapters, and to their theorems, lead nowhere here.
    # In a process of its own, as Sphinx leaves its traces in the one it runs in.
    command = [sys.executable, "-m", "sphinx", "-Q", "-b", "html", str(source), str(target)]
    subprocess.run(command, check=True)
    return target
