"""Make `book/data/english`: three novels of Jane Austen as words and part-of-speech tags.

The build never runs this; what it writes is in the repository. It needs three packages that hmmlib does not:
spaCy, its English model `en_core_web_sm` 3.8 (as a package of any name that `--model` gives) and `rdata`, and
the novels, which Debian's package r-cran-janeaustenr carries: pass the folder `janeaustenr/data` in it.

    python book/tools/tag_novels.py R_DATA_FOLDER --model en_core_web_sm
"""

from __future__ import annotations

import argparse
import importlib
import json
import lzma
import re
import zlib
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "data" / "english"
FILES = {
    "train.txt.xz": ("prideprejudice", "emma"),
    "heldout.txt.xz": ("persuasion",),
}
TITLES = {"prideprejudice": "Pride and Prejudice", "emma": "Emma", "persuasion": "Persuasion"}
PARAGRAPHS = {"train.txt.xz": 4100, "heldout.txt.xz": 240}  # from the beginning, to keep the files small
HEADING = re.compile(r"(chapter|volume)\s+[ivxlc\d]+\.?|finis|the end|by jane austen.*", re.IGNORECASE)


def read_novel(folder: Path, name: str) -> list[str]:
    """The lines of one novel, from the lazy-load database of the R package."""
    rdata: Any = importlib.import_module("rdata")

    def parse(packed: bytes) -> Any:
        return rdata.conversion.convert(rdata.parser.parse_data(packed))

    index = parse((folder / "Rdata.rdx").read_bytes())
    start, size = (int(n) for n in index["variables"][name])
    chunk = (folder / "Rdata.rdb").read_bytes()[start : start + size]
    return [str(line) for line in parse(zlib.decompress(chunk[4:]))]  # four bytes: the size unpacked


def paragraphs(lines: list[str]) -> list[str]:
    """Paragraphs as single lines from the first chapter on, without headings and marks of emphasis."""
    joined = [" ".join(p.split()) for p in "\n".join(line.strip() for line in lines).split("\n\n")]
    first = next(i for i, p in enumerate(joined) if re.match(r"chapter\s+(i|1)\b", p, re.IGNORECASE))
    kept = (p for p in joined[first:] if p and not HEADING.fullmatch(p))
    return [re.sub(r"\s+", " ", p.replace("_", "").replace("--", " -- ")) for p in kept]


def tag(model: Any, texts: list[str]) -> list[str]:
    """`word/TAG word/TAG ...` for each text, words in lower case, blanks left out."""
    lines = []
    for doc in model.pipe(texts, batch_size=64):
        tokens = ((t.text.lower(), t.tag_) for t in doc if not t.is_space)
        lines.append(" ".join(f"{word}/{name}" for word, name in tokens))
    return [line for line in lines if line]


def main() -> None:
    """Read the novels, tag them and write the files and where they come from."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="the folder janeaustenr/data of the R package")
    options.add_argument("--model", default="en_core_web_sm", help="package of spaCy's English model")
    chosen = options.parse_args()
    spacy: Any = importlib.import_module("spacy")

    model = importlib.import_module(chosen.model).load(exclude=["parser", "ner", "lemmatizer"])
    origin: dict[str, Any] = {
        "novels": TITLES,
        "text": "r-cran-janeaustenr (Debian), the R package janeaustenr by Julia Silge, MIT licence; "
        "the novels are in the public domain",
        "tagger": f"spaCy {spacy.__version__}, model en_core_web_sm {model.meta['version']}, MIT",
        "tagger's own accuracy on its test set": round(model.meta["performance"]["tag_acc"], 4),
        "files": {},
    }
    for file, novels in FILES.items():
        lines = [line for name in novels for line in tag(model, paragraphs(read_novel(chosen.folder, name)))]
        lines = lines[: PARAGRAPHS[file]]
        text = "\n".join(lines) + "\n"
        packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
        (OUT / file).write_bytes(packed)
        origin["files"][file] = {
            "novels": list(novels),
            "paragraphs": len(lines),
            "tokens": len(text.split()),
        }
        print(file, len(packed), "bytes,", len(text.split()), "tokens")
    (OUT / "origin.json").write_text(json.dumps(origin, indent=2) + "\n")


if __name__ == "__main__":
    main()
