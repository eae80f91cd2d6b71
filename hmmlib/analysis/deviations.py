"""Where the paper's text, its released code and this book differ. The effects are measured elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hmmlib.tables import Table

NOT_MEASURED = "**not measured**"


@dataclass(frozen=True)
class Deviation:
    """One difference.

    Attributes:
        key: Its name in code.
        title: What it is about.
        text: What the paper's text says.
        released: What the released code does.
        book: What this book does.
    """

    key: str
    title: str
    text: str
    released: str
    book: str


DEVIATIONS = (
    Deviation(
        "length",
        "Words that are read",
        "129 tokens, the first of them the blank",
        "labels from 128 words, of which the model sees 79, or 59 after a prompt: all is cut at 80 tokens",
        "128 words after the blank, with a prompt too",
    ),
    Deviation(
        "label",
        "The posterior behind a label",
        "$\\mathbb{P}[H_0 \\mid x]$",
        "a step back from the first word, exact if the initial distribution is uniform",
        "$\\mathbb{P}[H_0 \\mid x]$",
    ),
    Deviation(
        "redraws",
        "Tasks with one label only",
        "not mentioned",
        "weights are drawn again, up to 20 times; in the first experiment, as released, into files that "
        "are not read afterwards",
        "drawn again, and the number is kept",
    ),
    Deviation(
        "underflow",
        "Labels of texts with tiny margins",
        "a tie has label 1",
        "double precision; a tie has label 0",
        "double precision; a tie has label 1; accuracy without these texts is kept as well",
    ),
    Deviation(
        "masking",
        "Masking in pretraining",
        "5% of the tokens, BERT's rule",
        "the same",
        "30%; blanks only in the first experiment, BERT's rule in the second",
    ),
    Deviation(
        "network",
        "Network and its training",
        "BERT-base with 6 layers, AdamW, learning rate 1e-5, 37,500 steps",
        "the same, in half precision",
        "width 64, 3 layers, rotary positions, pre-norm, Muon, 2,100 steps",
    ),
    Deviation(
        "heads",
        "How heads are trained",
        "AdamW, learning rate 0.01, 100 epochs",
        "the same",
        "so, and also fitted to the optimum of the log-loss",
    ),
    Deviation(
        "prompts",
        "How prompts are trained",
        "20 vectors, as heads",
        "the same",
        "20 vectors, 1 epoch of batches of 16, best of 3 starts, head fitted afterwards",
    ),
    Deviation(
        "vanilla_head",
        "The head of vanilla HMMs in experiment 2",
        "linear, at the first position",
        "the scripts ask for `shallow_probe_memory`, as they do for HMMs with memory; what that is, the "
        "repository does not say",
        "both heads on both kinds of HMM",
    ),
    Deviation(
        "seeds",
        "Seeds",
        "20 and 5",
        "1 to 20 and 1 to 5",
        "those in the table of what was run, below",
    ),
)
"""In the order of the page."""


def deviation_tables(effects: Mapping[str, str]) -> str:
    """Every deviation with its effect, as Markdown tables that fit a phone.

    Args:
        effects: What was measured, for the key of each deviation; `NOT_MEASURED` and why, where nothing was.

    Returns:
        A table of two columns for each deviation.

    Raises:
        ValueError: A deviation has no effect, or an effect no deviation.
    """
    keys = {deviation.key for deviation in DEVIATIONS}
    if keys != set(effects):
        raise ValueError(f"effects: expected the keys {sorted(keys)}, got {sorted(effects)}")
    return "\n\n".join(
        Table(
            ["difference\N{NO-BREAK SPACE}in", deviation.title],
            [
                ["paper", deviation.text],
                ["released\N{NO-BREAK SPACE}code", deviation.released],
                ["this book", deviation.book],
                ["effect", effects[deviation.key]],
            ],
        ).markdown
        for deviation in DEVIATIONS
    )
