"""Keeps of the theme's icon script, 1.5 MB on every page, the icons that the pages show.

The script is Font Awesome's: a program, and a table of some two thousand drawings. Each line of the table
is a name, its other names and a path; those that no page or script of the book mentions are left out.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

SCRIPT = Path("static", "scripts", "fontawesome.js")

# "trash-can":[448,512,[61460,"trash-alt"],"f2ed","M170.5 ..."], with one path, or a list of two
DRAWING = re.compile(
    r'(?:"(?P<quoted>[\w-]+)"|(?P<plain>[\w$]+)):\[\d+,\d+,\[(?P<others>[^\]]*)\],"[0-9a-f]+",'
    r'(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?'
)
MENTION = re.compile(r"\bfa-([a-z0-9-]+)")

# Fewer drawings than this are not the script that is meant.
FEWEST = 1000


def named_in_scripts(folder: Path) -> set[str]:
    """Find the names of icons in the scripts of a site.

    Args:
        folder: The built site.

    Returns:
        The names, without ``fa-``; a few are no icons, such as the size ``lg``.
    """
    texts = (
        file.read_text(encoding="utf-8", errors="replace")
        for file in folder.rglob("*.js")
        if file.name != SCRIPT.name and "mathjax" not in file.parts
    )
    return {name for text in texts for name in MENTION.findall(text)}


def without_the_others(script: str, names: set[str]) -> str:
    """Leave out of the script the drawings of icons that are not named.

    Args:
        script: Font Awesome's script.
        names: Icons to keep, by any of their names.

    Returns:
        The shorter script.

    Raises:
        ValueError: If the script does not have the form that is known.
    """
    found = 0

    def kept(drawing: re.Match[str]) -> str:
        nonlocal found
        found += 1
        own = {drawing["quoted"] or drawing["plain"], *re.findall(r'"([^"]+)"', drawing["others"])}
        return drawing[0] if own & names else ""

    shorter = DRAWING.sub(kept, script)
    if found < FEWEST:
        raise ValueError(f"{found} drawings were found in the icon script, {FEWEST} or more expected")
    return shorter


def trim(folder: Path, names: set[str]) -> None:
    """Write the shorter script in place of the theme's.

    Args:
        folder: The built site.
        names: Icons that its pages show; those of its scripts are added.
    """
    theme = importlib.util.find_spec("pydata_sphinx_theme")
    if theme is None or theme.origin is None:
        return
    script = Path(theme.origin).parent / "theme" / "pydata_sphinx_theme" / SCRIPT
    try:
        shorter = without_the_others(script.read_text(encoding="utf-8"), names | named_in_scripts(folder))
    except (OSError, ValueError) as error:
        logger.warning("the theme's icon script stays as large as it is: %s", error)
        return
    (folder / "_static" / "scripts" / SCRIPT.name).write_text(shorter, encoding="utf-8")
