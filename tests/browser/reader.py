"""What a reader sees of an explorer, and does to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hmmlib import (
    HMM,
    ExactMaskedLM,
    MemoryHMM,
    posteriors_from_evidence,
    prepend_mask,
    prepend_prompt,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# Numbers are shown to four decimals.
SHOWN = 5.1e-5


class Reader:
    """One explorer of a page.

    Args:
        page: The page.
        index: Which of its explorers.
    """

    def __init__(self, page: Page, index: int = 0) -> None:
        self.page = page
        self.root: Locator = page.locator(".explorer[data-explorer]").nth(index)

    @property
    def state(self) -> dict[str, Any]:
        """What the reader has set: machine, text, prompt; nothing that was computed."""
        state: dict[str, Any] = self.root.evaluate("e => ({...e.explorer, reading: null})")
        return state

    def model(self) -> HMM | MemoryHMM:
        """The machine as it now stands, checked by hmmlib."""
        machine = self.state["machine"]
        if "memory" not in machine:
            return HMM(machine["initial"], machine["transition"], machine["emission"])
        memory = machine["memory"]
        sizes = (memory["nCells"], memory["nSyntax"])
        initial = torch.tensor(machine["initial"], dtype=torch.float64)
        emission = torch.tensor(machine["emission"], dtype=torch.float64)
        return MemoryHMM(
            initial.view(*[memory["nValues"]] * memory["nCells"], *sizes),
            machine["transition"],
            emission.view(memory["nValues"], *sizes, -1),
        )

    def slider(self, name: str) -> Locator:
        """The slider of that name."""
        return self.root.get_by_role("slider", name=name, exact=True)

    def bars(self, name: str) -> list[float]:
        """The numbers of a list of bars."""
        texts = self.root.locator(f'[aria-label="{name}"] .ex-value').all_text_contents()
        assert texts, name
        return [number(text) for text in texts]

    def figure(self, name: str) -> float:
        """A number of the bottom line: margin or value."""
        return number(self.root.locator(f".ex-of-{name} .ex-figure").inner_text())

    def look_at(self, position: int) -> None:
        """Select a position."""
        self.root.locator(".ex-heat thead th").nth(position).click()

    def message(self) -> str:
        """What is said to be wrong."""
        return self.root.get_by_role("alert").inner_text()

    def write(self, text: str) -> None:
        """Put a text in place of the one there is."""
        self.root.get_by_role("textbox").fill(text)


def number(text: str) -> float:
    """A number as the explorer prints it."""
    found = re.fullmatch(r"[+−]?\d+\.\d+", text)
    assert found, text
    return float(text.replace("−", "-"))


def truth(reader: Reader) -> tuple[Tensor, Tensor]:
    """Posteriors of the states, and token distributions, at every position of (∅, x), from hmmlib."""
    state, model = reader.state, reader.model()
    lm = ExactMaskedLM(model)
    evidence = lm.embed(prepend_mask(lm, torch.tensor([state["text"]])))
    first = 0
    if state["prompted"]:
        prompt = torch.tensor([state["machine"]["prompt"]], dtype=torch.float64)
        evidence, first = prepend_prompt(prompt, evidence), 1
    found = posteriors_from_evidence(model, evidence)
    table = {"smoothed": found.smoothed, "filtered": found.filtered, "leaveOneOut": found.leave_one_out}
    return table[state["kind"]][0, first:], found.conditionals[0, first:]


def check_every_position(reader: Reader) -> None:
    """Every number that is shown of a text is hmmlib's."""
    states, probs = truth(reader)
    if isinstance(model := reader.model(), MemoryHMM):
        states = states.unflatten(-1, (-1, model.n_cells * model.n_syntax)).sum(-2)
    for position in range(len(probs)):
        reader.look_at(position)
        shown = torch.tensor(reader.bars("distribution of the hidden state"), dtype=torch.float64)
        assert (shown - states[position]).abs().max() < SHOWN, position
        shown = torch.tensor(reader.bars("distribution of the missing token"), dtype=torch.float64)
        assert (shown - probs[position]).abs().max() < SHOWN, position
