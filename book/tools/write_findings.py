"""Write into README what the book found, in sentences made from the result files.

Run as part of ``make figures``. The landing page and the report show the same lines of README.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from hmmlib.analysis import findings

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- findings -->", "<!-- end of findings -->"
_WIDTH = 120


def findings_block() -> str:
    """The findings as README has them.

    Returns:
        A list in Markdown, with a line break at its end.
    """
    items = [
        textwrap.fill(
            f"- **{title}**: {sentence}",
            _WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for title, sentence in findings()
    ]
    return "\n".join(items) + "\n"


def with_findings(text: str) -> str:
    """README with the findings of now.

    Args:
        text: README.

    Returns:
        The same, with what is between the two marks written anew.

    Raises:
        ValueError: The marks are not there, each once and in order.
    """
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in after:
        raise ValueError(f"README: expected {BEGIN} and {END}, each once")
    return before + begin + findings_block() + end + after


def main() -> None:
    """Write them."""
    README.write_text(with_findings(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {README.name}")


if __name__ == "__main__":
    main()
