"""How objects show themselves: text in lines that fit a page, and small HTML tables in notebooks."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import torch

from hmmlib import (
    HMM,
    AttentionHead,
    ExactMaskedLM,
    LinearHead,
    MemoryHMM,
    PosteriorTask,
    PretrainingRecipe,
    Stage,
    TransformerConfig,
    TransformerMaskedLM,
    blank_probs,
    draw_dataset,
    draw_held_out,
    evaluate,
    posteriors,
    pretrain,
    sample,
)
from hmmlib._display import (
    MOST_CHARACTERS,
    MOST_COLUMNS,
    MOST_ROWS,
    card,
    compact_repr,
    facts,
    heat_map,
    in_lines,
    listing,
)
from hmmlib.certificates import best_accuracy, row_space_test, separate
from hmmlib.constructions import memory_prompt, recovery, soft_prompt
from hmmlib.heads import SoftAttentionHead, logistic_head
from hmmlib.hmm import random_recoverable_hmm
from hmmlib.tuning import PAPER_TUNING, TuningRecipe, fit_prior, optimal_prompt, tune_head, tune_prompt

MODEL = HMM(
    [0.4, 0.35, 0.25],
    [[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]],
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.2, 0.5]],
)
MEMORY = random_recoverable_hmm(2, 3, 6, generator=4)


class Elements(HTMLParser):
    """The names of elements, and whether each was closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.seen, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


def parsed(text: str) -> Elements:
    elements = Elements(text)
    assert elements.open == []
    return elements


@pytest.fixture(scope="module")
def shown() -> dict[str, object]:
    """One of each kind of object."""
    lm = ExactMaskedLM(MODEL)
    task = PosteriorTask.two_class(MODEL, [1, -1, 0.2])
    data = draw_dataset(task, generator=1, sizes=(40, 20, 20), length=6)
    probs = blank_probs(lm, data.train.tokens)
    prompt = memory_prompt(MEMORY, [1, -1])
    quick = TuningRecipe(epochs=2, n_prompt=2, warmup=2)
    small = TransformerConfig(width=8, n_layers=1, n_heads=1, feed_forward=8)
    recipe = PretrainingRecipe(small, stages=(Stage(2, 2, 8),), warmup=1)
    pretrained = pretrain(MODEL, recipe, held_out=draw_held_out(MODEL, generator=0, n_texts=4, length=8))
    return {
        "HMM": MODEL,
        "MemoryHMM": MEMORY,
        "PosteriorTask": task,
        "TaskData": data,
        "Posteriors": posteriors(MODEL, [[0, 1, 2], [0, 1, 1]], lengths=[2, 3]),
        "ExactMaskedLM": lm,
        "LinearHead": LinearHead(torch.tensor([1.0, -2.0])),
        "AttentionHead": prompt.head,
        "SoftAttentionHead": SoftAttentionHead(
            *(torch.ones(s) for s in ((2,), (2, 3), (4, 2), (2, 3), (2,)))
        ),
        "Separation": separate(probs, data.train.labels),
        "RowSpaceTest": row_space_test(MODEL, task.mu),
        "BestAccuracy": best_accuracy(probs, data.train.labels),
        "SoftPrompt": soft_prompt(MODEL, task.mu),
        "MemoryPrompt": prompt,
        "Recovery": recovery(MEMORY),
        "TransformerConfig": small,
        "TransformerMaskedLM": TransformerMaskedLM(3, small),
        "PretrainingRecipe": recipe,
        "Pretrained": pretrained,
        "History": pretrained.history,
        "HeldOut": pretrained.held_out,
        "Evaluation": evaluate(pretrained.lm, pretrained.held_out),
        "TuningRecipe": PAPER_TUNING,
        "Tuned": tune_prompt(lm, data, quick),
        "LogisticFit": logistic_head(probs, data.train.labels),
        "OptimalPrompt": optimal_prompt(lm, data.train.tokens, data.train.labels, generator=0, starts=1),
        "PriorFit": fit_prior(MODEL, data.train.tokens[:4], probs[:4], generator=0),
    }


# Their text is the one that Python makes, an expression to copy.
CONFIGURATIONS = ("TransformerConfig", "PretrainingRecipe", "TuningRecipe")


def test_objects_are_text_that_fits_a_page_and_a_table(shown: dict[str, object]):
    for kind, thing in shown.items():
        assert type(thing).__name__ == kind
        text = repr(thing)
        assert re.fullmatch(rf"{kind}\([^\n]*(\n    [^ \n][^\n]*)*\)", text), kind
        if kind not in CONFIGURATIONS:
            assert max(map(len, text.splitlines())) <= MOST_CHARACTERS, kind
        assert "tensor(" not in repr(thing), kind
        html = thing._repr_html_()
        elements = parsed(html)
        assert set(elements.seen) <= {"div", "code", "table", "caption", "tbody", "tr", "th", "td"}, kind
        assert set(elements.attributes) <= {"style", "scope"}, kind
        assert "table" in elements.seen, kind
        assert kind in elements.text
        assert "tensor(" not in elements.text, kind
        assert len(html) < 30_000, kind


# --- what is told ---


def test_a_model_shows_its_tables():
    text = parsed(MODEL._repr_html_()).text
    assert [word for word in text.split() if word in ("initial", "transition", "emission")] == [
        "initial",
        "transition",
        "emission",
    ]
    for number in ("0.4", "0.35", "0.25", "0.6", "0.8"):
        assert f" {number} " in text


def test_posteriors_show_the_first_text():
    found = posteriors(MODEL, [[0, 1], [1, 1]], keep=("smoothed",))
    text = parsed(found._repr_html_()).text
    for number in found.smoothed[0].flatten().tolist() + found.log_likelihood.tolist():
        assert f" {number:.3g} " in text


def test_what_was_tuned_shows_its_way_head_and_prompt(shown: dict[str, object]):
    tuned = shown["Tuned"]
    text = parsed(tuned._repr_html_()).text
    assert " prompt " in text
    for epoch in tuned.history:
        assert f" {epoch.validation_loss:.5g} " in text
    alone = tune_head(tuned.lm, shown["TaskData"], TuningRecipe(epochs=1, warmup=1))
    assert " prompt " not in parsed(alone._repr_html_()).text


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        (LinearHead(torch.ones(2, 3)), "LinearHead(weights=(2, 3))"),
        (
            AttentionHead(torch.ones(2, 3), torch.ones(2), torch.ones(2), torch.ones(4, 2), 0.123456789),
            "AttentionHead(projection=(2, 3), key=(2,), weights=(2,), embeddings=(4, 2),\n"
            "    temperature=0.12346, tolerance=1e-09)",
        ),
        (sample(MODEL, 2, 5, generator=0), "Sample(tokens=(2, 5), states=(2, 5), content=(2,))"),
    ],
)
def test_arrays_are_told_by_their_shapes(thing: object, line: str):
    assert repr(thing) == line


def test_a_long_text_is_broken_between_fields_alone():
    task = PosteriorTask.two_class(MODEL, [1, -1, 0.2])
    assert repr(task).splitlines() == [
        "PosteriorTask(target=H_0, n_classes=2, non-zero weights=6, redraws=0,",
        "    HMM(n_states=3, n_tokens=3))",
    ]
    assert in_lines(f"Two({task!r})").splitlines() == [
        "Two(PosteriorTask(target=H_0, n_classes=2, non-zero weights=6, redraws=0,",
        "    HMM(n_states=3, n_tokens=3)))",
    ]
    shapes = ", ".join(["x=(1, 24, 15)"] * 6)
    assert in_lines(f"T({shapes})") == f"T({', '.join(['x=(1, 24, 15)'] * 5)},\n    x=(1, 24, 15))"
    assert in_lines("T(x=1, y=2)") == "T(x=1, y=2)"


def test_long_tuples_are_counted():
    fit = logistic_head(torch.eye(2), [0, 1], l2=1.0)
    assert compact_repr(fit._replace(loss=tuple(map(float, range(100))))).endswith(
        f"loss=100 floats, accuracy={fit.accuracy:.5g},\n    converged=True)"
    )


# --- tables of numbers ---


def cells(html: str) -> list[list[str]]:
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


def shades(html: str) -> list[tuple[str, float] | None]:
    found = []
    for style in re.findall(r'<td style="([^"]*)"', html):
        shade = re.search(r"background:rgba\((.*),([\d.]+)\)", style)
        found.append((shade[1], float(shade[2])) if shade else None)
    return found


def test_small_tables_are_whole():
    assert cells(
        heat_map("", torch.tensor([[0.5, 0.25], [1 / 3, 1e-40]], dtype=torch.float64), "a", "b")
    ) == [
        [],
        ["0.5", "0.25"],
        ["0.333", "1e-40"],
    ]


def test_of_large_tables_the_first_and_last_rows_and_columns_are_shown():
    table = torch.arange(40)[:, None] * 100 + torch.arange(50)
    rows = cells(heat_map("", table))[1:]
    assert len(rows) == MOST_ROWS
    assert all(len(row) == MOST_COLUMNS for row in rows)
    assert rows[1] == [str(100 + j) for j in range(MOST_COLUMNS - 2)] + ["…", "149"]
    assert rows[-2] == ["…"] * MOST_COLUMNS
    assert rows[-1][0] == "3900"
    assert rows[-1][-1] == "3949"


def test_what_is_not_shown_is_not_touched():
    """A table of a trillion numbers, all the same one in memory."""
    huge = torch.ones(1, 1).expand(1_000_000, 1_000_000)
    assert cells(heat_map("", huge))[1][0] == "1"


def test_shades_go_with_size_and_sign():
    blue, orange = "31,119,180", "214,98,0"
    found = shades(heat_map("", torch.tensor([2.0, 1.0, 0.0, -2.0, float("nan"), float("inf")])))
    assert found == [(blue, 0.45), (blue, 0.23), None, (orange, 0.45), None, None]
    assert shades(heat_map("", torch.tensor([3, 4]))) == [None, None]
    assert shades(heat_map("", torch.zeros(2))) == [None, None]


def luminance(colour: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("page", "text"), [(1.0, 0.0), (0.07, 0.93)], ids=["light", "dark"])
def test_numbers_are_legible_on_the_deepest_shade(page: float, text: float):
    for colour, depth in filter(None, shades(heat_map("", torch.tensor([1.0, -1.0])))):
        mixed = [depth * int(part) / 255 + (1 - depth) * page for part in colour.split(",")]
        low, high = sorted([luminance(mixed), luminance([text] * 3)])
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_numbers_with_gradients_and_of_numpy_are_shown():
    assert cells(heat_map("", torch.ones(1, requires_grad=True)))[-1] == ["1"]
    assert cells(heat_map("", torch.ones(2).numpy()))[-1] == ["1", "1"]


def test_lists_are_cut_too():
    rows = cells(listing(["a", "b"], [[i, "<"] for i in range(100)]))[1:]
    assert rows[0] == ["0", "&lt;"]
    assert rows[-2:] == [["…", "…"], ["99", "&lt;"]]
    assert len(rows) == MOST_ROWS


def test_words_are_no_markup():
    html = card("<b>", facts([("<i>", "<script>")]), heat_map("<u>", torch.ones(1)))
    assert not {"b", "i", "u", "script"} & set(parsed(html).seen)


def test_a_memory_model_has_a_row_for_each_column_of_the_paper():
    model = MemoryHMM(torch.full((2, 1, 1), 0.5), [[1.0]], [[[[0.25, 0.75]]], [[[1.0, 0.0]]]])
    assert cells(model._repr_html_())[-2:] == [["0.25", "0.75"], ["1", "0"]]
