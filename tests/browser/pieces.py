"""What a reader sees of the live geometry and of the piece "by hand", and does to them."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import torch

from browser.geometry_cases import every_text, read
from browser.reader import SHOWN, number
from hmmlib import HMM
from hmmlib.certificates import hull_distance

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


class Piece:
    """One live piece of a page.

    Args:
        page: The page.
        kind: The data attribute that tells its kind.
        index: Which of them.
    """

    def __init__(self, page: Page, kind: str, index: int = 0) -> None:
        self.page = page
        self.root: Locator = page.locator(f".explorer[data-{kind}]").nth(index)

    @property
    def state(self) -> dict[str, Any]:
        """What the reader has set, and what was computed from it."""
        state: dict[str, Any] = self.root.evaluate(
            "e => JSON.parse(JSON.stringify(e.explorer, (_, v) => typeof v === 'bigint' ? String(v) : v))"
        )
        return state

    def slider(self, name: str) -> Locator:
        """The slider of that name."""
        return self.root.get_by_role("slider", name=name, exact=True)

    def machines(self) -> int:
        """How many HMMs the reader can choose from."""
        return self.root.get_by_role("combobox").locator("option").count()

    def overflow(self, width: int) -> list[str]:
        """What reaches beyond a window of this width, outside of what scrolls by itself."""
        found: list[str] = self.root.evaluate(
            """(e, width) => [...e.querySelectorAll('*')].filter(part => !part.closest('.ex-scroll')
                && part.getBoundingClientRect().right > width).map(part => part.outerHTML.slice(0, 80))""",
            width,
        )
        return found


class Geometry(Piece):
    """One live geometry."""

    def __init__(self, page: Page, index: int = 0) -> None:
        super().__init__(page, "geometry", index)

    def column(self, state: str) -> Locator:
        """The point to drag of a state."""
        return self.slider(f"column of W of state {state}")

    def middle(self, state: str) -> tuple[float, float]:
        """Where it is in the window."""
        self._in_the_middle("right")
        box = self.column(state).bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def place(self, drawing: str, shares: list[float]) -> tuple[float, float]:
        """Where a distribution over three things is in the window."""
        self._in_the_middle(drawing)
        corners = self._drawing(drawing).evaluate(
            """svg => [[35, 252], [285, 252], [160, 252 - 125 * Math.sqrt(3)]].map(([x, y]) => {
                const point = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
                return [point.x, point.y]; })"""
        )
        x, y = (sum(p * corner[axis] for p, corner in zip(shares, corners, strict=True)) for axis in (0, 1))
        return x, y

    def drag(self, state: str, shares: list[float]) -> None:
        """Drag a column to a place in the triangle."""
        start = self.middle(state)
        end = self.place("right", shares)
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=3)
        self.page.mouse.up()

    def _drawing(self, name: str) -> Locator:
        return self.root.locator(".ex-simplex").nth(["left", "right"].index(name))

    def _in_the_middle(self, drawing: str) -> None:
        """Scroll so that nothing which sticks to the window's edges is above a drawing."""
        self._drawing(drawing).evaluate("svg => svg.scrollIntoView({block: 'center', behavior: 'instant'})")

    def shapes(self, drawing: str, layer: str) -> int:
        """How many lines or polygons a layer of a drawing has."""
        return self._drawing(drawing).locator(f".ex-layer-{layer} path").count()

    def notes(self) -> str:
        """The sentences on what is found."""
        return self.root.get_by_role("status").first.inner_text()

    def figure(self, name: str) -> float:
        """A number of the bottom line: distance of the hulls, or how many labels are wrong."""
        text = self.root.locator(f".ex-of-{name} .ex-figure").inner_text()
        return float(text.split(" of ")[0])

    def bars(self, name: str) -> list[float]:
        """The numbers of a list of bars."""
        return [
            number(text) for text in self.root.locator(f'[aria-label="{name}"] .ex-value').all_inner_texts()
        ]

    def check(self) -> None:
        """Every number that is printed is hmmlib's."""
        state = self.state
        machine, tokens = state["machine"], state["machine"]["tokens"]
        hmm = HMM(machine["initial"], machine["transition"], machine["emission"])
        prompt = machine["prompt"] if state["prompted"] else None
        found = read(hmm, machine["mu"], state["longest"], prompt)
        texts = [
            text
            for text, row in zip(every_text(hmm.n_tokens, state["longest"]), found.posteriors, strict=True)
            if not row.isnan().any()
        ]
        index = every_text(hmm.n_tokens, state["longest"]).index(texts[state["selected"]])
        words = " ".join(["∅", *(tokens[z] for z in texts[state["selected"]])])
        assert self.root.locator(".ex-words-of").inner_text().replace(" ", "") == words.replace(" ", "")
        for name, row in (
            ("posterior of the chosen text", found.posteriors[index]),
            ("token distribution of the chosen text", found.shown[index]),
        ):
            shown = torch.tensor(self.bars(name), dtype=torch.float64)
            assert (shown - row).abs().max() < SHOWN, name
        margin = float(found.margins[index])
        said = self.root.locator(".ex-place").last.inner_text()
        assert abs(number(re.findall(r"[+−]?\d+\.\d{4}", said)[0]) - margin) < SHOWN
        label = "no label" if abs(margin) < 1e-9 else f"label {int(margin > 0)}"
        assert said.endswith(label)
        decided, labels = found.decided, found.labels
        weights = torch.tensor(state["reading"]["head"]["weights"], dtype=torch.float64)
        wrong = int((((found.shown[decided] @ weights) >= 0).long() != labels).sum())
        text = self.root.locator(".ex-of-wrong .ex-figure").inner_text()
        assert text == f"{wrong} of {len(labels)}"
        text = self.root.locator(".ex-of-distance .ex-figure").inner_text()
        if len(set(labels.tolist())) < 2:
            assert text == "–"
            return
        apart = hull_distance(found.shown[decided], labels)
        assert apart.margin - SHOWN < float(text) < apart.distance + SHOWN
        assert ("The hulls meet" in self.notes()) == (apart.distance < 1e-11)


class ByHand(Piece):
    """One piece "by hand"."""

    TABLES = ("alpha", "beta", "joint", "smoothed", "leaveOneOut", "conditionals")

    def __init__(self, page: Page, index: int = 0) -> None:
        super().__init__(page, "by-hand", index)

    def tokens(self) -> list[str]:
        """The text as it is printed."""
        return self.root.locator(".ex-token").all_inner_texts()

    def cell(self, table: str, position: int, index: int) -> Locator:
        """One number."""
        rows = self.root.locator(f"tbody.ex-of-{table} tr").nth(index + 1)
        return rows.locator("button").nth(position)

    def printed(self, table: str) -> list[list[str]]:
        """The numbers of a table as they are printed, [index][position]."""
        rows = self.root.locator(f"tbody.ex-of-{table} tr").all()[1:]
        return [row.locator("button").all_text_contents() for row in rows]

    def truth(self) -> dict[str, list[list[Fraction | None]]]:
        """Every number from the definitions: sums over all paths of the hidden states, in fractions."""
        state = self.state
        machine, tokens = state["machine"], self.tokens()
        initial, transition, emission = (
            _tenths(machine[name]) for name in ("initial", "transition", "emission")
        )
        last, n_states = len(tokens) - 1, len(initial)
        text = [machine["tokens"].index(token) if token != "∅" else None for token in tokens]

        def weight(path: tuple[int, ...], first: int, end: int, without: int | None = None) -> Fraction:
            """The factors of a path of states at positions first … end − 1: moves into them, and tokens."""
            found = Fraction(1)
            for i in range(first, end):
                found *= initial[path[0]] if i == 0 else transition[path[i - 1]][path[i]]
                if (z := text[i]) is not None and i != without:
                    found *= emission[path[i]][z]
            return found

        paths = list(product(range(n_states), repeat=last + 1))
        found: dict[str, list[list[Fraction | None]]] = {name: [] for name in self.TABLES}
        for h in range(n_states):
            at = [[path for path in paths if path[i] == h] for i in range(last + 1)]
            # Sums over what a definition leaves open count each path as often as it has other states.
            spare = [n_states ** (last - i) for i in range(last + 1)]
            alpha = [
                sum(weight(path, 0, i + 1, without=i) for path in at[i]) / spare[i] for i in range(last + 1)
            ]
            beta = [
                sum(weight(path, i + 1, last + 1) for path in at[i]) / n_states**i for i in range(last + 1)
            ]
            whole = sum(weight(path, 0, last + 1) for path in paths)
            smoothed, rest = [], []
            for i in range(last + 1):
                smoothed.append(_over(sum(weight(path, 0, last + 1) for path in at[i]), whole))
                others = sum(weight(path, 0, last + 1, without=i) for path in paths)
                rest.append(_over(sum(weight(path, 0, last + 1, without=i) for path in at[i]), others))
            found["alpha"].append([Fraction(value) for value in alpha])
            found["beta"].append([Fraction(value) for value in beta])
            found["smoothed"].append(smoothed)
            found["leaveOneOut"].append(rest)
        found["joint"] = [[Fraction(sum(weight(path, 0, last + 1) for path in paths))] * (last + 1)]
        for z in range(len(machine["tokens"])):
            row: list[Fraction | None] = []
            for i in range(last + 1):
                # By definition: with z written at position i, over all that can be written there.
                kept = text[i]
                text[i] = z
                top = sum(weight(path, 0, last + 1) for path in paths)
                text[i] = None
                row.append(_over(top, sum(weight(path, 0, last + 1) for path in paths)))
                text[i] = kept
            found["conditionals"].append(row)
        return found

    def check(self) -> None:
        """Every number that is printed is what the definitions give, to the last digit."""
        truth = self.truth()
        for table, rows in truth.items():
            printed = [["–" if value is None else str(value) for value in row] for row in rows]
            assert self.printed(table) == printed, table

    def computations(self) -> dict[str, list[list[list[str]]]]:
        """The computation of every number, [index][position], as shown when the number has the focus."""
        return {
            table: [
                row.evaluate(
                    """row => [...row.querySelectorAll('button')].map(cell => { cell.focus();
                    return [...row.closest('.explorer').querySelectorAll('.ex-sum div p')]
                        .map(line => line.textContent.replace(/^= /, '')); })"""
                )
                for row in self.root.locator(f"tbody.ex-of-{table} tr").all()[1:]
            ]
            for table in self.TABLES
        }

    def computation(self) -> list[str]:
        """The lines of the computation that is shown, without their equals signs."""
        lines = self.root.locator(".ex-sum div p").all_text_contents()
        return [line.removeprefix("= ") for line in lines]


def evaluate(line: str) -> Fraction | None:
    """The value of a line of fractions, sums, products and one division; None if it has letters."""
    text = line.split(" ≈ ")[0]
    if not re.fullmatch(r"[\d/ ()+·]+", text):
        return None
    if " / " in text:
        top, bottom = text.split(" / ")
        value = evaluate(top.strip("()"))
        return None if value is None else value / Fraction(bottom)
    total = Fraction(0)
    for summand in text.split(" + "):
        value = Fraction(1)
        for factor in summand.split(" · "):
            value *= Fraction(factor)
        total += value
    return total


def barriers(piece: Piece) -> list[str]:
    """What axe finds fault with in the live pieces of the page."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"preload": False, "resultTypes": ["violations"]}
    # The rest of the page is looked at with every other page.
    context = {"include": [[".explorer"]]}
    violations = Axe().run(piece.page, context=context, options=options).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]}" for violation in violations for node in violation["nodes"]
    ]


def _tenths(table: Any) -> Any:
    return [_tenths(row) for row in table] if isinstance(table, list) else Fraction(table, 10)


def _over(top: Any, bottom: Any) -> Fraction | None:
    return Fraction(top) / bottom if bottom else None
