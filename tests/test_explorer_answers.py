"""The answers on the explorer's page: their numbers are computed with hmmlib, and looked for in the text."""

from __future__ import annotations

import re
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from explorer_machines import HAND_MACHINES, MACHINES, TEXT, memory_hmm
from hmmlib import HMM, MemoryHMM, Posteriors, posteriors
from hmmlib.certificates import hull_distance, row_space_test
from hmmlib.constructions import attention_head, linear_head, prompted_prior, recoverable_states

PAGE = (Path(__file__).resolve().parent.parent / "book" / "explorer.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(
    r"^\*\*(.+?)[.?]\*\* .*?\n\n:::\{admonition\} Answer\n:class: dropdown\n\n(.*?)\n:::$", PAGE, re.M | re.S
)
ANSWERS = {title: " ".join(text.split()) for title, text in QUESTIONS}


def double(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def machine(name: str) -> tuple[HMM, Tensor]:
    """One of the page's HMMs, and its task."""
    found = MACHINES[name]()
    return HMM(found["initial"], found["transition"], found["emission"]), double(found["mu"])


def with_entry(rows: Tensor, row: int, entry: int, value: float) -> Tensor:
    """A table with one entry dragged to a value, the rest of its row in proportion."""
    table = rows.clone()
    table[row] *= (1 - value) / (1 - table[row, entry])
    table[row, entry] = value
    return table


def with_emission(hmm: HMM, emission: Any) -> HMM:
    return HMM(hmm.initial, hmm.transition, emission)


def read(hmm: HMM, length: int) -> Posteriors:
    """All texts of one length, with a blank in front."""
    padded = torch.tensor([(0, *text) for text in product(range(hmm.n_tokens), repeat=length)])
    return posteriors(hmm, padded, observed=torch.arange(length + 1).expand(padded.shape) > 0)


def short_texts(hmm: HMM, mu: Tensor, longest: int, prior: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Margins of all texts with a label, and G at the blank after a prompt that leads to a prior."""
    prompted = hmm if prior is None else hmm.with_initial(prior)
    margins = torch.cat([read(hmm, n).smoothed[:, 0] @ mu for n in range(longest + 1)])
    shown = torch.cat([read(prompted, n).conditionals[:, 0] for n in range(longest + 1)])
    decided = margins.abs() > 1e-9
    return margins[decided], shown[decided]


def hulls(hmm: HMM, mu: Tensor, longest: int, prior: Tensor | None = None) -> tuple[float, int]:
    """Distance of the hulls of both classes, and the number of texts."""
    margins, shown = short_texts(hmm, mu, longest, prior)
    found = hull_distance(shown, (margins > 0).long())
    assert found.distance - found.margin < 1e-9
    return found.distance, len(margins)


def nearest_head(hmm: HMM, mu: Tensor, prior: Tensor) -> Tensor:
    """The b that comes nearest to Wᵀb = μ ⊙ π₀/ρ on the states that a prior leaves."""
    kept = prior > 0
    found: Tensor = torch.linalg.pinv(hmm.emission[kept]) @ (mu * hmm.initial / prior)[kept]
    return found


def spell(length: int) -> list[str]:
    return ["".join(text) for text in product("abc", repeat=length)]


def test_every_question_has_an_answer() -> None:
    asked = re.findall(r"^\*\*(.+?)[.?]\*\* ", PAGE, re.M)
    assert len(asked) == len(ANSWERS) == 17
    assert set(asked) == set(ANSWERS)
    assert not re.search(r"\bmachines?\b", re.sub(r":machines:|\{.*?\}", "", PAGE))


# --- by hand ---


def by_hand(name: str, text: str, **changed: Any) -> Posteriors:
    tables = HAND_MACHINES[name]() | changed
    hmm = HMM(*(double(tables[part]) / 10 for part in ("initial", "transition", "emission")))
    tokens = ["abc".find(letter) for letter in text]
    return posteriors(hmm, [[max(0, z) for z in tokens]], observed=[[z >= 0 for z in tokens]])


def test_what_a_token_tells() -> None:
    assert HAND_MACHINES["two-tokens"]()["text"] == [-1, 0, 0, 1]
    seen, masked = by_hand("two-tokens", ".aab"), by_hand("two-tokens", "..ab")
    assert float(seen.smoothed[0, 1, 0]) == pytest.approx(30 / 41)
    assert float(masked.smoothed[0, 1, 0]) == pytest.approx(45 / 89)
    assert r"\tfrac{30}{41}" in ANSWERS["What a token tells, and whom"]
    assert r"\tfrac{45}{89}" in ANSWERS["What a token tells, and whom"]
    torch.testing.assert_close(seen.conditionals[0, 1], masked.conditionals[0, 1])
    torch.testing.assert_close(masked.smoothed[0, 1], seen.leave_one_out[0, 1])


def test_a_token_that_tells_nothing() -> None:
    assert [row[1] for row in HAND_MACHINES["three-tokens"]()["emission"]] == [3, 3]
    assert HAND_MACHINES["three-tokens"]()["text"] == [-1, 0, 1, 2]
    seen, masked = by_hand("three-tokens", ".abc"), by_hand("three-tokens", ".a.c")
    assert float((seen.log_likelihood - masked.log_likelihood).exp()) == pytest.approx(3 / 10)
    torch.testing.assert_close(seen.smoothed, masked.smoothed)
    torch.testing.assert_close(seen.conditionals, masked.conditionals)
    assert r"multiplied by $\tfrac{10}{3}$" in ANSWERS["A token that tells nothing"]


def test_coins() -> None:
    for text in (".aab", "babb"):
        coins = by_hand("two-tokens", text, transition=[[4, 6], [4, 6]])
        other = by_hand("two-tokens", "." * 4, transition=[[4, 6], [4, 6]])
        torch.testing.assert_close(coins.conditionals, other.conditionals)
        torch.testing.assert_close(coins.leave_one_out, other.leave_one_out)
        alike = by_hand("two-tokens", text, emission=[[8, 2], [8, 2]])
        torch.testing.assert_close(alike.smoothed, by_hand("two-tokens", "." * 4).smoothed)
        torch.testing.assert_close(alike.conditionals[0], double([[0.8, 0.2]] * 4))


# --- heads and prompts ---


def test_two_states_that_speak_alike() -> None:
    answer = ANSWERS["Two states that speak alike"]
    hmm, mu = machine("head")
    kept = linear_head(hmm, mu.tolist()).weights
    assert f"from {kept.abs().max():.1f} to" in answer
    shares = {}
    for value in (None, 0.5, 0.75, 0.8):
        dragged = hmm if value is None else with_emission(hmm, with_entry(hmm.emission, 1, 0, value))
        found = read(dragged, 6)
        wrong = (found.smoothed[:, 0] @ mu >= 0) != (found.conditionals[:, 0] @ kept >= 0)
        shares[value] = float(wrong.double().mean())
        largest = linear_head(dragged, mu.tolist()).weights.abs().max()
        if value in (0.75, 0.8):
            assert f"{largest:.1f} at {value}" in answer
    assert shares[None] == 0
    assert f"{shares[0.5]:.0%} when the entry is 0.5" in answer
    assert f"{shares[0.75]:.0%} when it is 0.75" in answer
    assert f"Of the {3**6} texts" in answer
    equal = with_emission(hmm, hmm.emission[[0, 0, 2]])
    solved = torch.linalg.lstsq(equal.emission, mu).solution
    assert (equal.emission @ solved - mu).abs().max() > 0.1
    assert row_space_test(equal, mu).representable
    assert hmm.transition[0, 2] == hmm.transition[1, 2]
    assert f"= {mu @ double([1, -1, 0]):.1f}$" in answer


def test_a_fake_token_that_repairs_a_head() -> None:
    answer = ANSWERS["A fake token that repairs a head"]
    hmm, mu = machine("prompt")
    prior = prompted_prior(hmm, double([MACHINES["prompt"]()["prompt"]]))
    assert prior.nonzero().flatten().tolist() == [0, 1, 4]
    assert "{:.2f}, {:.2f} and {:.2f}".format(*prior[prior > 0].tolist()) in answer
    assert torch.linalg.matrix_rank(hmm.emission[prior > 0]) == 3
    text = MACHINES["prompt"]()["text"]
    found = posteriors(hmm, [[0, *text]], observed=[[False] + [True] * len(text)])
    value = float(found.conditionals[0, 0] @ nearest_head(hmm, mu, hmm.initial))
    margin = float(found.smoothed[0, 0] @ mu)
    assert f"${value:+.2f}$ where the margin is ${margin:+.2f}$" in answer


def test_how_little_of_a_prompt_is_too_much() -> None:
    answer = ANSWERS["How little of a prompt is too much"]
    hmm, mu = machine("prompt")
    prior = prompted_prior(hmm, double([[0, 0, 0.01, 1, 1]]))
    assert f"a probability of {prior[2]:.4f}" in answer
    head = nearest_head(hmm, mu, prior)
    wrong = {}
    for length in (2, 5):
        margins = read(hmm, length).smoothed[:, 0] @ mu
        values = read(hmm.with_initial(prior), length).conditionals[:, 0] @ head
        bad = (margins.abs() > 1e-9) & ((margins >= 0) != (values >= 0))
        wrong[length] = {word: float(m) for word, m, b in zip(spell(length), margins, bad, strict=True) if b}
        assert f"the {int((margins.abs() > 1e-9).sum())} " in answer
    assert list(wrong[2]) == ["ba", "cb"]
    assert f"${wrong[2]['ba']:+.4f}$" in answer
    assert f"of five tokens {len(wrong[5])}" in answer


def test_remove_a_word() -> None:
    answer = ANSWERS["Remove a word"]
    hmm, _ = machine("head")
    sharp = hmm.transition
    for row in range(3):
        sharp = with_entry(sharp, row, int(hmm.transition[row].argmax()), 0.97)
    tokens = torch.tensor(list(product(range(3), repeat=7)))
    entropies: list[Tensor] = []
    for model, said in ((hmm, ("0.95", "0.75")), (HMM(hmm.initial, sharp, hmm.emission), ("0.81", "0.26"))):
        padded = torch.nn.functional.pad(tokens, (1, 0))
        found = posteriors(model, padded, observed=torch.arange(8).expand(padded.shape) > 0)
        weights = found.log_likelihood.exp()
        assert float(weights.sum()) == pytest.approx(1)
        for table, number in zip((found.conditionals[:, 4], found.leave_one_out[:, 4]), said, strict=True):
            entropy = -torch.xlogy(table, table).sum(-1)
            assert f"{weights @ entropy:.2f}" == number
            assert number in answer
            entropies.append(entropy)
    blunter = entropies[2] > entropies[0] + 1e-12
    assert f"For {blunter.double().mean():.0%} of the texts" in answer
    assert f"together have {weights @ blunter.double():.0%} of the probability" in answer
    assert blunter[spell(7).index("acacacc")]
    columns = -torch.xlogy(hmm.emission, hmm.emission).sum(-1)
    assert f"entropy of {columns.min():.2f} to {columns.max():.2f}" in answer


def test_write_what_cannot_be_written() -> None:
    hmm, _ = machine("letters")
    seen = [[False, True, True]]
    with pytest.raises(ValueError, match="position 2"):
        posteriors(hmm, [[0, 0, 3]], observed=seen)
    found = posteriors(with_emission(hmm, with_entry(hmm.emission, 0, 3, 0.01)), [[0, 0, 3]], observed=seen)
    assert found.smoothed[0, :, 0].tolist() == [1, 1, 1]


# --- the simplices ---


def test_all_on_one_line() -> None:
    hmm, _ = machine("reviews")
    for length in range(5):
        describing = read(hmm, length).smoothed[:, 0, 0]
        torch.testing.assert_close(describing, torch.full_like(describing, 0.4))
    torch.testing.assert_close(hmm.transition[0], hmm.transition[1:].mean(0))


def test_how_near_the_classes_come() -> None:
    answer = ANSWERS["How near do the classes come"]
    distances = [hulls(*machine("reviews"), longest)[0] for longest in range(1, 6)]
    assert "from {:.4f} over {:.4f}, {:.4f} and {:.4f} to {:.4f}".format(*distances) in answer
    factors = [a / b for a, b in pairwise(distances)]
    assert all(abs(factor - 5.5) < 0.06 for factor in factors)


def test_a_fourth_state() -> None:
    answer = ANSWERS["A fourth state"]
    hmm, mu = machine("quotes")
    torch.testing.assert_close(double([0, 0.5, 0.5, -1]) @ hmm.emission, torch.zeros(3).double())
    assert row_space_test(hmm, mu).representable
    moved = hmm.emission.clone()
    moved[3] = double([0.1, 0.5, 0.4])
    dragged = with_emission(hmm, moved)
    assert not row_space_test(dragged, mu).representable
    distance, count = hulls(dragged, mu, 4)
    assert f"{distance:.4f} apart" in answer
    assert f"all {count} labels right" in answer


def test_a_direction_that_is_lost() -> None:
    hmm, mu = machine("head")
    dragged = with_emission(hmm, [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    assert not row_space_test(dragged, mu).representable
    assert hulls(dragged, mu, 4)[0] == pytest.approx(0, abs=1e-9)
    harmless = double([1, -1, 0])
    assert row_space_test(dragged, harmless).representable
    assert hulls(dragged, harmless, 4)[0] > 0


def test_corners_that_a_prompt_removes() -> None:
    answer = ANSWERS["Corners that a prompt removes"]
    hmm, mu = machine("prompt")
    assert hulls(hmm, mu, 4)[0] == pytest.approx(0, abs=1e-9)
    for entry, apart in ((0.0, "0.0001"), (0.01, None)):
        prior = prompted_prior(hmm, double([[0, 0, entry, 1, 1]]))
        distance, count = hulls(hmm, mu, 4, prior)
        if apart:
            assert f"{distance:.4f}" == apart
            assert f"{apart} apart" in answer
        assert distance > 1e-5
        assert f"{count} labels" in answer


# --- the memory ---


def read_memory(model: MemoryHMM, text: list[str]) -> dict[str, Any]:
    """Margin, mean value, keys, and values divided by G_i(x)[x_i], of one text."""
    _, words = memory_hmm()
    mu = MACHINES["memory"]()["mu"]
    tokens = torch.tensor([[words.index(word) for word in text]])
    found = posteriors(
        model, torch.nn.functional.pad(tokens, (1, 0)), observed=[[False] + [True] * len(text)]
    )
    head, probs = attention_head(model, mu, cell=0), found.conditionals[:, 1:]
    seen = probs[0, torch.arange(len(text)), tokens[0]]
    return {
        "margin": float(model.memory_posterior(found.smoothed[:, 0], 0)[0] @ double(mu)),
        "value": float(head.values(probs, tokens)),
        "keys": head.keys(probs)[0],
        "scaled": head.position_values(probs, tokens)[0] / seen,
    }


def test_certain_or_nearly() -> None:
    answer = ANSWERS["Certain, or nearly"]
    model, _ = memory_hmm()
    text = list(TEXT)
    assert text[3:5] == ["the", "boat"]
    assert text[6:9] == ["calm", "light", "is"]
    assert float(read_memory(model, text)["keys"][4]) == pytest.approx(1)
    for value, said in ((0.1, "0.96 when the entry is 0.1"), (0.5, "0.73 when it is 0.5")):
        dragged = MemoryHMM(model.initial, with_entry(model.transition, 0, 3, value), model.emission)
        keys = read_memory(dragged, text)["keys"]
        assert f"{keys[4]:.2f}" == said[:4]
        assert said in answer
        assert float(keys[7]) == pytest.approx(1)
        if value == 0.1:
            short = read_memory(dragged, text[:7])
            assert f"{short['keys'].max():.2f}" == "0.96"
            assert f"margin ${short['margin']:+.2f}$, mean value ${short['value']:+.2f}$" in answer


def test_one_word_decides() -> None:
    answer = ANSWERS["One word decides"]
    model, _ = memory_hmm()
    text = list(TEXT)
    changed = ["horse" if word == "boat" else word for word in text]
    before, after = read_memory(model, text), read_memory(model, changed)
    assert f"from ${before['margin']:+.2f}$ to ${after['margin']:+.2f}$" in answer
    for found in (before, after):
        stars = found["keys"] > 1 - 1e-9
        assert stars.nonzero().flatten().tolist() == [4, 7]
        torch.testing.assert_close(found["scaled"][stars], double([found["margin"]] * 2))


def test_nouns_that_cannot_be_read() -> None:
    model, words = memory_hmm()
    assert recoverable_states(model, cell=0) == (1,)
    equal = model.emission.clone()
    equal[1, 0, 1] = equal[0, 0, 1]
    assert recoverable_states(MemoryHMM(model.initial, model.transition, equal), cell=0) == ()
    nouns, adjectives = model.emission[:, 0, 1], model.emission[:, 1, 1]
    torch.testing.assert_close(adjectives[2], adjectives[:2].mean(0))
    assert int((torch.cat([nouns, adjectives]) > 0).any(0).sum()) == 5
    changed = model.emission.clone()
    changed[2, 1, 1] = with_entry(adjectives, 2, words.index("calm"), 0.5)[2]
    assert recoverable_states(MemoryHMM(model.initial, model.transition, changed), cell=0) == ()
    columns = torch.cat([nouns, changed[:, 1, 1]])
    assert torch.linalg.matrix_rank(changed[:, 1, 1]) == 3
    _, sizes, right = torch.linalg.svd(columns.T)
    # One dependence, and every noun takes part in it.
    assert int((sizes > 1e-9).sum()) == 5
    assert float(right[-1, :3].abs().min()) > 1e-3
