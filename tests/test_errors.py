"""Bad input gets an error that names the argument, the place, the value and what was expected."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hmmlib import (
    HMM,
    ExactMaskedLM,
    MemoryHMM,
    PosteriorTask,
    blank_posterior,
    blank_probs,
    draw_dataset,
    draw_task,
    linear_head,
    posteriors,
    posteriors_from_evidence,
    prepend_blank,
    random_hmm,
    random_memory_hmm,
    sample,
    sample_tokens,
)
from hmmlib.hmm import _batches, fingerprint, inference

NAN, INF = float("nan"), float("inf")
PLAIN = random_hmm(3, 4, generator=0, emission_temperature=1.0)
MEMORY = random_memory_hmm(2, 3, 4, generator=0, emission_temperature=1.0)
# State 0 writes 0 and goes on to 1, which writes 1 or 2 and stays; there is no way back, and no 3.
STRICT = HMM([1.0, 0], [[0.0, 1], [0, 1]], [[1.0, 0, 0, 0], [0, 0.5, 0.5, 0]])
STRICT_MEMORY = MemoryHMM(
    np.array([0.5, 0.5]).reshape(2, 1, 1), [[1.0]], np.array([[[[0.5, 0.5, 0, 0]]], [[[0, 0, 0.5, 0.5]]]])
)
TOKENS = torch.tensor([[0, 1, 2], [3, 2, 1]])
THIRD = [1 / 3, 1 / 3, 1 / 3]


def rows(table):
    return np.array(table, dtype=float)


def hmm(initial=(0.5, 0.5), transition=((0.5, 0.5), (0.5, 0.5)), emission=((0.5, 0.5), (0.5, 0.5)), **named):
    return HMM(initial, transition, emission, **named)


def memory(initial=None, transition=None, emission=None, **named):
    return MemoryHMM(
        np.full((2, 2, 2, 1), 1 / 8) if initial is None else initial,
        np.full((2, 2), 0.5) if transition is None else transition,
        np.full((2, 2, 1, 3), 1 / 3) if emission is None else emission,
        **named,
    )


def with_entry(table, where, value):
    table = np.array(table, dtype=float)
    table[where] = value
    return table


def evidence(shape=(2, 3, 3), where=None, value=None):
    table = torch.ones(shape, dtype=torch.float64)
    if where is not None:
        table[where] = value
    return table


def check(call, error, fragments):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    message = str(caught.value)
    name, *others = fragments
    assert message.startswith(f"{name}: "), f"{message!r} does not begin with the argument's name, {name}"
    missing = [fragment for fragment in others if fragment not in message]
    assert not missing, f"{message!r} does not say {missing}"
    assert len(message) < 400


# Each case: what is called, the error, the argument's name and what else the message must say.
MODELS = {
    "a row that does not sum to one": (
        lambda: hmm(transition=[[0.5, 0.5], [0.5, 0.4]]),
        ValueError,
        ["transition", "row 1", "0.9", "expected 1"],
    ),
    "columns instead of rows": (
        lambda: hmm(transition=[[0.9, 0.3], [0.1, 0.7]]),
        ValueError,
        ["transition", "row 0", "1.2", "expected 1"],
    ),
    "an initial distribution that does not sum to one": (
        lambda: hmm(initial=[0.5, 0.6]),
        ValueError,
        ["initial", "1.1", "expected 1"],
    ),
    "a deviation of 1e-6": (
        lambda: hmm(emission=[[0.5, 0.5], [0.5, 0.500001]]),
        ValueError,
        ["emission", "row 1", "1.000001", "expected 1"],
    ),
    "a negative probability": (
        lambda: hmm(emission=[[0.5, 0.5], [1.25, -0.25]]),
        ValueError,
        ["emission", "row 1", "entry 1", "-0.25", ">= 0"],
    ),
    "a NaN": (
        lambda: hmm(transition=[[0.5, 0.5], [NAN, 0.5]]),
        ValueError,
        ["transition", "row 1", "entry 0", "nan", "finite"],
    ),
    "an infinite probability": (
        lambda: hmm(initial=[INF, 0.5]),
        ValueError,
        ["initial", "entry 0", "inf", "finite"],
    ),
    "a row of zeros": (
        lambda: hmm(emission=[[0, 0], [0.5, 0.5]]),
        ValueError,
        ["emission", "row 0", "sums to 0", "1"],
    ),
    "an initial distribution that is a matrix": (
        lambda: hmm(initial=[[0.5, 0.5]]),
        ValueError,
        ["initial", "(n_states,)", "(1, 2)"],
    ),
    "no states": (lambda: HMM(np.ones(0), np.ones((0, 0)), np.ones((0, 2))), ValueError, ["initial", "(0,)"]),
    "no tokens": (lambda: hmm(emission=np.ones((2, 0))), ValueError, ["emission", "(2, n_tokens)", "(2, 0)"]),
    "a transition matrix of another size": (
        lambda: hmm(transition=np.eye(3)),
        ValueError,
        ["transition", "(2, 2)", "(3, 3)"],
    ),
    "an emission of another size": (
        lambda: hmm(emission=np.eye(3)),
        ValueError,
        ["emission", "(2, n_tokens)", "(3, 3)"],
    ),
    "a flat emission": (lambda: hmm(emission=[0.5, 0.5]), ValueError, ["emission", "(2, n_tokens)", "(2,)"]),
    "text for numbers": (lambda: hmm(initial=["a", "b"]), TypeError, ["initial", "numbers"]),
    "nothing for numbers": (lambda: hmm(transition=None), TypeError, ["transition", "numbers", "NoneType"]),
    "ragged rows": (lambda: hmm(transition=[[1.0], [0.5, 0.5]]), TypeError, ["transition", "numbers"]),
    "complex numbers": (
        lambda: hmm(initial=np.array([1 + 0j, 0])),
        TypeError,
        ["initial", "real", "complex"],
    ),
    "booleans": (lambda: hmm(initial=[True, False]), TypeError, ["initial", "real", "bool"]),
    "objects": (lambda: hmm(initial=np.array([object(), 1])), TypeError, ["initial", "numbers"]),
    "a type of integers": (lambda: hmm(dtype=torch.int64), ValueError, ["dtype", "float64", "int64"]),
    "an unknown device": (
        lambda: hmm(device="abacus"),
        ValueError,
        ["device", "'abacus'", "expected", "'cpu'"],
    ),
    "a device that is no device": (lambda: hmm(device=1.5), ValueError, ["device", "1.5", "'cpu'"]),
    "a device that holds no numbers": (lambda: hmm(device="meta"), ValueError, ["device", "'meta'", "'cpu'"]),
    "an unknown device to go to": (lambda: hmm().to("abacus"), ValueError, ["device", "'abacus'"]),
    "an unknown type to go to": (lambda: hmm().to(dtype=torch.int32), ValueError, ["dtype", "int32"]),
    "another start of the wrong size": (
        lambda: hmm().with_initial(THIRD),
        ValueError,
        ["initial", "(2,)", "(3,)"],
    ),
    "a memory model's flat emission": (
        lambda: memory(emission=np.ones((2, 3))),
        ValueError,
        ["emission", "(n_values, n_cells, n_syntax, n_tokens)", "(2, 3)"],
    ),
    "a memory model's initial distribution without a cell": (
        lambda: memory(initial=np.full((2, 2, 1), 0.25)),
        ValueError,
        ["initial", "(2, 2, 2, 1)", "(2, 2, 1)"],
    ),
    "a memory model's flat transition matrix": (
        lambda: memory(transition=np.eye(8)),
        ValueError,
        ["transition", "(2, 2)", "(8, 8)", "2 cells"],
    ),
    "a memory model's NaN": (
        lambda: memory(emission=with_entry(np.full((2, 2, 1, 3), 1 / 3), (1, 0, 0, 2), NAN)),
        ValueError,
        ["emission", "value 1", "cell 0", "syntax state 0", "entry 2", "nan"],
    ),
    "a memory model's row": (
        lambda: memory(emission=with_entry(np.full((2, 2, 1, 3), 1 / 3), (1, 1, 0, 2), 0.5)),
        ValueError,
        ["emission", "value 1", "cell 1", "syntax state 0", "1.166", "expected 1"],
    ),
    "a memory model's negative initial entry": (
        lambda: memory(initial=with_entry(np.full((2, 2, 2, 1), 1 / 8), (1, 0, 1, 0), -0.5)),
        ValueError,
        ["initial", "entry", "-0.5", ">= 0"],
    ),
    "a memory model's device": (lambda: memory(device="abacus"), ValueError, ["device", "'abacus'"]),
    "no such cell": (
        lambda: MEMORY.memory_posterior(torch.ones(6), cell=1),
        ValueError,
        ["cell", "0 … 0", "got 1"],
    ),
    "a negative cell": (
        lambda: MEMORY.memory_posterior(torch.ones(6), cell=-1),
        ValueError,
        ["cell", "got -1"],
    ),
    "states of another model": (
        lambda: MEMORY.memory_posterior(torch.ones(2, 5)),
        ValueError,
        ["state_probs", "6", "(2, 5)"],
    ),
    "no states to draw": (lambda: random_hmm(0, generator=0), ValueError, ["n_states", "at least 1", "0"]),
    "half a state": (lambda: random_hmm(2.5, generator=0), TypeError, ["n_states", "integer", "2.5"]),
    "a truth value of states": (
        lambda: random_hmm(True, generator=0),
        TypeError,
        ["n_states", "integer", "True"],
    ),
    "no tokens to draw": (lambda: random_hmm(3, 0, generator=0), ValueError, ["n_tokens", "at least 1", "0"]),
    "no permutation": (
        lambda: random_hmm(3, generator=0, n_permutations=0),
        ValueError,
        ["n_permutations", "at least 1", "0"],
    ),
    "no cell to draw": (
        lambda: random_memory_hmm(2, generator=0, n_cells=0),
        ValueError,
        ["n_cells", "1", "0"],
    ),
    "no value to draw": (lambda: random_memory_hmm(0, generator=0), ValueError, ["n_values", "1", "0"]),
    "no syntax state to draw": (
        lambda: random_memory_hmm(2, 0, generator=0),
        ValueError,
        ["n_syntax", "1", "0"],
    ),
    "a seed that is text": (lambda: random_hmm(3, generator="0"), TypeError, ["generator", "int", "'0'"]),
    "a truth value for a seed": (
        lambda: random_hmm(3, generator=True),
        TypeError,
        ["generator", "int", "True"],
    ),
    "torch's generator where numpy's is needed": (
        lambda: random_hmm(3, generator=torch.Generator()),
        TypeError,
        ["generator", "RandomState"],
    ),
    "numpy's new generator": (
        lambda: random_hmm(3, generator=np.random.default_rng(0)),
        TypeError,
        ["generator", "RandomState"],
    ),
    "a negative seed": (lambda: random_hmm(3, generator=-1), ValueError, ["generator", "-1"]),
    "a seed beyond 32 bits": (
        lambda: random_hmm(3, generator=2**32),
        ValueError,
        ["generator", "4294967296"],
    ),
}
for name in ("transition", "emission", "initial"):
    for value in (0, -0.5, NAN, INF):
        MODELS[f"a temperature of {value} for {name}"] = (
            lambda name=name, value=value: random_hmm(3, generator=0, **{f"{name}_temperature": value}),
            ValueError,
            [f"{name}_temperature", "> 0", repr(value)],
        )
MODELS["a temperature that is text"] = (
    lambda: random_memory_hmm(3, generator=0, emission_temperature="warm"),
    TypeError,
    ["emission_temperature", "number", "'warm'"],
)

TEXTS = {
    "a token out of range": (
        lambda: posteriors(PLAIN, [[0, 1, 2], [0, 4, 1]]),
        ValueError,
        ["tokens", "sequence 1", "position 1", "4", "0 … 3"],
    ),
    "a negative token": (
        lambda: posteriors(PLAIN, [[0, 1, -1]]),
        ValueError,
        ["tokens", "sequence 0", "position 2", "-1", "0 … 3"],
    ),
    "the mask token without its mask": (
        lambda: posteriors(MEMORY, [[4, 0]]),
        ValueError,
        ["tokens", "sequence 0", "position 0", "4", "0 … 3", "observed"],
    ),
    "float tokens": (lambda: posteriors(PLAIN, [[0.0, 1.0]]), TypeError, ["tokens", "integers", "float"]),
    "bool tokens": (lambda: posteriors(PLAIN, [[True, False]]), TypeError, ["tokens", "integers", "bool"]),
    "complex tokens": (
        lambda: posteriors(PLAIN, np.array([[1j]])),
        TypeError,
        ["tokens", "integers", "complex"],
    ),
    "tokens that are words": (lambda: posteriors(PLAIN, [["a", "b"]]), TypeError, ["tokens", "integers"]),
    "tokens that are one word": (lambda: posteriors(PLAIN, "ab"), TypeError, ["tokens", "integers"]),
    "an array of words": (lambda: posteriors(PLAIN, np.array([["a"]])), TypeError, ["tokens", "integers"]),
    "no tokens at all": (lambda: posteriors(PLAIN, None), TypeError, ["tokens", "integers", "None"]),
    "ragged texts": (lambda: posteriors(PLAIN, [[0, 1], [2]]), TypeError, ["tokens", "(batch, time)"]),
    "a single text": (
        lambda: posteriors(PLAIN, [0, 1, 2]),
        ValueError,
        ["tokens", "(batch, time)", "(3,)", "tokens[None]"],
    ),
    "a number": (lambda: posteriors(PLAIN, 1), ValueError, ["tokens", "(batch, time)", "()"]),
    "three axes": (
        lambda: posteriors(PLAIN, TOKENS[None]),
        ValueError,
        ["tokens", "(batch, time)", "(1, 2, 3)"],
    ),
    "an empty batch": (
        lambda: posteriors(PLAIN, torch.zeros(0, 5, dtype=torch.int64)),
        ValueError,
        ["tokens", "at least one sequence", "(0, 5)"],
    ),
    "empty texts": (
        lambda: posteriors(MEMORY, torch.zeros(5, 0, dtype=torch.int64)),
        ValueError,
        ["tokens", "at least one", "(5, 0)"],
    ),
    "an empty list": (lambda: posteriors(PLAIN, [[]]), ValueError, ["tokens", "at least one", "(1, 0)"]),
    "an emptier list": (lambda: posteriors(PLAIN, []), ValueError, ["tokens", "(batch, time)", "(0,)"]),
    "an impossible token": (
        lambda: posteriors(STRICT, [[0, 1, 1, 2], [0, 1, 0, 1]]),
        ValueError,
        ["tokens", "sequence 1", "position 2", "token 0", "probability 0", "expected"],
    ),
    "a token that no state writes": (
        lambda: posteriors(STRICT, [[0, 1], [0, 3]]),
        ValueError,
        ["tokens", "sequence 1", "position 1", "token 3", "probability 0"],
    ),
    "an impossible first token": (
        lambda: posteriors(STRICT, [[1, 1]]),
        ValueError,
        ["tokens", "sequence 0", "position 0", "token 1", "probability 0"],
    ),
    "words of two values of one cell": (
        lambda: posteriors(STRICT_MEMORY, [[0, 1, 0], [3, 2, 3], [1, 1, 2]]),
        ValueError,
        ["tokens", "sequence 2", "position 2", "token 2", "probability 0"],
    ),
    "an impossible text under a blank": (
        lambda: blank_posterior(STRICT, [[1, 2], [1, 0]]),
        ValueError,
        ["tokens", "sequence 1", "position 1", "token 0", "probability 0"],
    ),
    "a token out of range under a blank": (
        lambda: blank_posterior(PLAIN, [[1, 9]]),
        ValueError,
        ["tokens", "sequence 0", "position 1", "9", "0 … 3"],
    ),
    "a text that begins with a blank but is one": (
        lambda: prepend_blank([0, 1]),
        ValueError,
        ["tokens", "(2,)"],
    ),
    "a mask of another shape": (
        lambda: posteriors(PLAIN, TOKENS, observed=np.ones((2, 4), dtype=bool)),
        ValueError,
        ["observed", "(2, 3)", "(2, 4)"],
    ),
    "a mask for one text": (
        lambda: posteriors(PLAIN, TOKENS, observed=[True, True, False]),
        ValueError,
        ["observed", "(2, 3)", "(3,)"],
    ),
    "a mask of integers": (
        lambda: posteriors(PLAIN, TOKENS, observed=torch.ones(2, 3, dtype=torch.int64)),
        TypeError,
        ["observed", "booleans", "int64"],
    ),
    "a mask of text": (
        lambda: posteriors(PLAIN, TOKENS, observed="all"),
        TypeError,
        ["observed", "booleans"],
    ),
    "lengths of another shape": (
        lambda: posteriors(PLAIN, TOKENS, lengths=[3]),
        ValueError,
        ["lengths", "(2,)", "(1,)"],
    ),
    "a length of 0": (
        lambda: posteriors(PLAIN, TOKENS, lengths=[3, 0]),
        ValueError,
        ["lengths", "sequence 1", "0", "1 … 3"],
    ),
    "a length too great": (
        lambda: posteriors(PLAIN, TOKENS, lengths=[4, 1]),
        ValueError,
        ["lengths", "sequence 0", "4", "1 … 3"],
    ),
    "lengths that are no integers": (
        lambda: posteriors(PLAIN, TOKENS, lengths=[1.0, 2.0]),
        TypeError,
        ["lengths", "integers", "float"],
    ),
    "lengths that are text": (
        lambda: posteriors(PLAIN, TOKENS, lengths="ab"),
        TypeError,
        ["lengths", "integers"],
    ),
    "an unknown table": (
        lambda: posteriors(PLAIN, TOKENS, keep=("smooth",)),
        ValueError,
        ["keep", "'smooth'", "smoothed", "conditionals"],
    ),
    "a table's name for a list of names": (
        lambda: posteriors(PLAIN, TOKENS, keep="smoothed"),
        ValueError,
        ["keep", "'smoothed'"],
    ),
    "evidence that is a list": (
        lambda: posteriors_from_evidence(PLAIN, [[[1.0, 1, 1]]]),
        TypeError,
        ["evidence", "tensor", "list"],
    ),
    "evidence that is boolean": (
        lambda: posteriors_from_evidence(PLAIN, torch.ones(1, 2, 3, dtype=torch.bool)),
        TypeError,
        ["evidence", "real", "bool"],
    ),
    "evidence for another model": (
        lambda: posteriors_from_evidence(PLAIN, evidence((1, 2, 4))),
        ValueError,
        ["evidence", "(batch, time, 3)", "(1, 2, 4)"],
    ),
    "evidence for a memory model's flat states": (
        lambda: posteriors_from_evidence(
            random_memory_hmm(2, 2, n_cells=2, generator=0), evidence((1, 2, 16))
        ),
        ValueError,
        ["evidence", "(batch, time, 8)", "(1, 2, 16)"],
    ),
    "evidence for a single text": (
        lambda: posteriors_from_evidence(PLAIN, evidence((2, 3))),
        ValueError,
        ["evidence", "(batch, time, 3)", "(2, 3)"],
    ),
    "no evidence": (
        lambda: posteriors_from_evidence(PLAIN, evidence((0, 2, 3))),
        ValueError,
        ["evidence", "(0, 2, 3)"],
    ),
    "negative evidence": (
        lambda: posteriors_from_evidence(PLAIN, evidence(where=(1, 2, 0), value=-0.5)),
        ValueError,
        ["evidence", "sequence 1", "position 2", "entry 0", "-0.5", ">= 0"],
    ),
    "NaN evidence": (
        lambda: posteriors_from_evidence(PLAIN, evidence(where=(0, 1, 2), value=NAN)),
        ValueError,
        ["evidence", "sequence 0", "position 1", "entry 2", "nan", "finite"],
    ),
    "infinite evidence": (
        lambda: posteriors_from_evidence(MEMORY, evidence((2, 3, 6), (0, 1, 2), INF)),
        ValueError,
        ["evidence", "sequence 0", "position 1", "entry 2", "inf", "finite"],
    ),
    "evidence of zeros": (
        lambda: posteriors_from_evidence(PLAIN, evidence(where=(1, 2), value=0)),
        ValueError,
        ["evidence", "sequence 1", "position 2", "zero", "positive"],
    ),
    "evidence for where the chain cannot be": (
        lambda: posteriors_from_evidence(STRICT, evidence((2, 3, 2), (1, 2, 1), 0)),
        ValueError,
        ["evidence", "sequence 1", "position 2", "probability 0"],
    ),
    "evidence for two contents of the memory": (
        lambda: posteriors_from_evidence(STRICT_MEMORY, torch.eye(2, dtype=torch.float64)[None]),
        ValueError,
        ["evidence", "sequence 0", "position 1", "probability 0"],
    ),
    "evidence too great for the model's type": (
        lambda: posteriors_from_evidence(PLAIN.to(dtype=torch.float32), evidence() * 1e200),
        ValueError,
        ["evidence", "sequence 0", "position 0", "float32"],
    ),
    "embeddings of another size": (
        lambda: ExactMaskedLM(PLAIN).token_probs(evidence((1, 2, 5))),
        ValueError,
        ["evidence", "(batch, time, 3)", "(1, 2, 5)"],
    ),
    "an embedding of a float": (
        lambda: ExactMaskedLM(PLAIN).embed([[0.5]]),
        TypeError,
        ["tokens", "integers", "float"],
    ),
}

SAMPLES = {
    "no texts": (lambda: sample_tokens(PLAIN, 0, 3, generator=0), ValueError, ["batch", "at least 1", "0"]),
    "texts of no tokens": (lambda: sample(PLAIN, 2, 0, generator=0), ValueError, ["time", "at least 1", "0"]),
    "a float of texts": (
        lambda: sample_tokens(PLAIN, 2.0, 3, generator=0),
        TypeError,
        ["batch", "integer", "2.0"],
    ),
    "no seed": (lambda: sample_tokens(PLAIN, 2, 3, generator=None), TypeError, ["generator", "int", "None"]),
    "a truth value for a seed": (
        lambda: sample(PLAIN, 2, 3, generator=False),
        TypeError,
        ["generator", "False"],
    ),
    "numpy's generator where torch's is needed": (
        lambda: sample(MEMORY, 2, 3, generator=np.random.RandomState(0)),
        TypeError,
        ["generator", "torch.Generator"],
    ),
    "a generator elsewhere": (
        lambda: sample(PLAIN, 2, 3, generator=torch.Generator("meta")),
        ValueError,
        ["generator", "meta", "cpu"],
    ),
}
try:
    torch.Generator("meta")
except RuntimeError:
    del SAMPLES["a generator elsewhere"]

TASKS = {
    "weights for another model": (
        lambda: PosteriorTask(PLAIN, np.zeros((2, 4))),
        ValueError,
        ["weights", "(n_classes >= 2, 3)", "(2, 4)"],
    ),
    "one class": (lambda: PosteriorTask(PLAIN, np.zeros((1, 3))), ValueError, ["weights", ">= 2", "(1, 3)"]),
    "flat weights": (lambda: PosteriorTask(PLAIN, np.zeros(3)), ValueError, ["weights", "(3,)"]),
    "weights for flat states": (
        lambda: PosteriorTask(MEMORY, np.zeros((2, 6))),
        ValueError,
        ["weights", "2)", "(2, 6)"],
    ),
    "a weight that is not finite": (
        lambda: PosteriorTask(PLAIN, with_entry(np.zeros((2, 3)), (1, 2), INF)),
        ValueError,
        ["weights", "row 1", "entry 2", "inf", "finite"],
    ),
    "weights that are text": (lambda: PosteriorTask(PLAIN, [["a"]]), TypeError, ["weights", "numbers"]),
    "a cell that is not there": (
        lambda: PosteriorTask(MEMORY, np.zeros((2, 2)), cell=1),
        ValueError,
        ["cell", "0 … 0", "1"],
    ),
    "a cell of a model without memory": (
        lambda: draw_task(PLAIN, generator=0, cell=1),
        ValueError,
        ["cell", "0 … 0", "1"],
    ),
    "half a cell": (
        lambda: PosteriorTask(PLAIN, np.zeros((2, 3)), cell=0.5),
        TypeError,
        ["cell", "integer", "0.5"],
    ),
    "one class to draw": (
        lambda: draw_task(PLAIN, generator=0, n_classes=1),
        ValueError,
        ["n_classes", "2", "1"],
    ),
    "no weight to draw": (
        lambda: draw_task(PLAIN, generator=0, n_nonzero=0),
        ValueError,
        ["n_nonzero", "1", "0"],
    ),
    "a share of one half": (
        lambda: draw_task(PLAIN, generator=0, min_share=0.5),
        ValueError,
        ["min_share", "1/2", "0.5"],
    ),
    "a negative share": (
        lambda: draw_task(PLAIN, generator=0, min_share=-0.1),
        ValueError,
        ["min_share", "-0.1"],
    ),
    "a share that is NaN": (
        lambda: draw_task(PLAIN, generator=0, min_share=NAN),
        ValueError,
        ["min_share", "nan"],
    ),
    "negative redraws": (
        lambda: draw_task(PLAIN, generator=0, max_redraws=-1),
        ValueError,
        ["max_redraws", "at least 0", "-1"],
    ),
    "no probe": (
        lambda: draw_task(PLAIN, generator=0, probe_size=0),
        ValueError,
        ["probe_size", "at least 1", "0"],
    ),
    "a probe of no tokens": (
        lambda: draw_task(PLAIN, generator=0, probe_length=0),
        ValueError,
        ["probe_length", "at least 1", "0"],
    ),
    "a probe of half a token": (
        lambda: draw_task(PLAIN, generator=0, probe_length=0.5),
        TypeError,
        ["probe_length", "integer", "0.5"],
    ),
    "torch's generator for a task": (
        lambda: draw_task(PLAIN, generator=torch.Generator()),
        TypeError,
        ["generator", "RandomState"],
    ),
    "two sizes": (
        lambda: draw_dataset(PosteriorTask(PLAIN, np.eye(3)), generator=0, sizes=(5, 5)),
        ValueError,
        ["sizes", "three", "2"],
    ),
    "one number for all sizes": (
        lambda: draw_dataset(PosteriorTask(PLAIN, np.eye(3)), generator=0, sizes=5),
        TypeError,
        ["sizes", "three", "5"],
    ),
    "an empty split": (
        lambda: draw_dataset(PosteriorTask(PLAIN, np.eye(3)), generator=0, sizes=(5, 0, 5)),
        ValueError,
        ["sizes", "at least 1", "0"],
    ),
    "texts of no length": (
        lambda: draw_dataset(PosteriorTask(PLAIN, np.eye(3)), generator=0, length=0),
        ValueError,
        ["length", "at least 1", "0"],
    ),
    "numpy's generator for a dataset": (
        lambda: draw_dataset(PosteriorTask(PLAIN, np.eye(3)), generator=np.random.RandomState(0)),
        TypeError,
        ["generator", "torch.Generator"],
    ),
}


# --- arrays of other kinds, wherever an array is an argument ---

ARRAYS = {
    "initial": lambda x: HMM(x, [[0.5, 0.5], [0.5, 0.5]], [[1.0], [1.0]]),
    "transition": lambda x: HMM([0.5, 0.5], x, [[1.0], [1.0]]),
    "emission": lambda x: HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], x),
    "tokens": lambda x: posteriors(PLAIN, x),
    "tokens of a blank posterior": lambda x: blank_posterior(PLAIN, x),
    "tokens to put a blank before": lambda x: prepend_blank(x),
    "tokens of a task": lambda x: PosteriorTask(PLAIN, np.eye(3)).labels(x),
    "tokens to embed": lambda x: ExactMaskedLM(PLAIN).embed(x),
    "tokens of a language model": lambda x: blank_probs(ExactMaskedLM(PLAIN), x),
    "observed": lambda x: posteriors(PLAIN, TOKENS, observed=x),
    "lengths": lambda x: posteriors(PLAIN, TOKENS, lengths=x),
    "evidence": lambda x: posteriors_from_evidence(PLAIN, x),
    "weights": lambda x: PosteriorTask(PLAIN, x),
    "mu": lambda x: PosteriorTask.two_class(PLAIN, x),
    "mu of a linear head": lambda x: linear_head(PLAIN, x),
    "state_probs": lambda x: MEMORY.memory_posterior(x),
}
PLACES = pytest.mark.parametrize("name", ARRAYS)


@PLACES
@pytest.mark.parametrize("mask", [True, False, np.ma.nomask])
def test_a_masked_array_is_refused_not_unmasked(name, mask):
    masked = np.ma.array([[0, 1, 1]], mask=mask)
    for argument in (masked, [masked[0]], [[np.ma.masked, 1]]):
        with pytest.raises(TypeError) as caught:
            ARRAYS[name](argument)
        assert str(caught.value).startswith(name.split(" ")[0] + ": expected ")
        if name not in ("evidence", "state_probs"):  # these are tensors
            assert "observed=~x.mask" in str(caught.value)


KINDS = {
    "MaskedTensor": lambda x: torch.masked.masked_tensor(x, torch.ones_like(x, dtype=torch.bool)),
    "nested": lambda x: torch.nested.nested_tensor([x[0], x[0, :1]]),
    "jagged": lambda x: torch.nested.nested_tensor([x[0], x[0, :1]], layout=torch.jagged),
    "sparse": lambda x: x.to_sparse(),
    "sparse_csr": lambda x: x.to_sparse_csr(),
    "meta": lambda x: x.to("meta"),
}


@PLACES
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
@pytest.mark.filterwarnings("ignore")  # torch's, of prototypes
def test_a_tensor_that_is_no_plain_one_is_refused(name, kind, dtype):
    thing = KINDS[kind](torch.tensor([[0, 1, 1]], dtype=dtype))
    with pytest.raises((TypeError, ValueError)) as caught:
        ARRAYS[name](thing)
    assert str(caught.value).startswith(name.split(" ")[0] + ": expected ")


# --- models cannot be written to ---


@pytest.mark.parametrize("model", [PLAIN, MEMORY], ids=repr)
def test_a_model_cannot_be_changed_by_what_it_gives_out(model):
    before = fingerprint(model), posteriors(model, TOKENS).smoothed
    for name in ("initial", "transition", "emission"):
        getattr(model, name).fill_(0)
        getattr(model, name).numpy()[...] = 0
    if isinstance(model, MemoryHMM):
        model.contents.fill_(0)
    model.stationary().fill_(0)
    assert fingerprint(model) == before[0]
    assert torch.equal(posteriors(model, TOKENS).smoothed, before[1])
    assert float(model.transition.sum()) == pytest.approx(len(model.transition))


def test_a_task_cannot_be_changed_by_what_it_gives_out():
    task = PosteriorTask(PLAIN, np.eye(3))
    task.weights.fill_(0)
    task.weights[0] += 1
    assert task.weights.tolist() == np.eye(3).tolist()


def test_copies_made_in_inference_mode_are_fit_for_gradients():
    with torch.inference_mode():
        tables = [PLAIN.initial, MEMORY.contents, PosteriorTask(PLAIN, np.eye(3)).weights]
    assert not any(table.is_inference() for table in tables)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_a_blank_before_a_text_makes_it_int64(dtype):
    tokens, seen = prepend_blank(torch.tensor([[1, 127]], dtype=dtype))
    assert tokens.dtype == torch.int64
    assert (tokens + 200).tolist() == [[200, 201, 327]]
    assert seen.tolist() == [[False, True, True]]
    check(lambda: prepend_blank([[0.5, 1.0]]), TypeError, ["tokens", "integers", "float64"])


def table(cases):
    return pytest.mark.parametrize(("call", "error", "fragments"), cases.values(), ids=cases.keys())


@table(MODELS)
def test_bad_models_are_named(call, error, fragments):
    check(call, error, fragments)


@table(TEXTS)
def test_bad_texts_are_named(call, error, fragments):
    check(call, error, fragments)


@table(SAMPLES)
def test_bad_samples_are_named(call, error, fragments):
    check(call, error, fragments)


@table(TASKS)
def test_bad_tasks_are_named(call, error, fragments):
    check(call, error, fragments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named():
    check(lambda: random_hmm(3, generator=0, device="cuda"), ValueError, ["device", "'cuda'", "expected"])
    check(lambda: PLAIN.to("cuda:3"), ValueError, ["device", "'cuda:3'", "expected"])


@pytest.mark.parametrize("kind", inference.KINDS)
def test_a_table_that_was_not_kept_is_named(kind):
    others = [other for other in inference.KINDS if other != kind]
    found = posteriors(PLAIN, TOKENS, keep=others)
    with pytest.raises(ValueError, match=rf"^{kind} was not kept; ask for it with keep=\('{kind}',\)$"):
        getattr(found, kind)


@pytest.mark.parametrize("row", [0, 1, 17, 49])
@pytest.mark.parametrize("numbers", [1, 8, 20, 10_000])
def test_an_impossible_text_is_found_in_every_piece_of_a_batch(monkeypatch, row, numbers):
    monkeypatch.setattr(_batches, "_CPU_MESSAGE", numbers)
    tokens = torch.tensor([[0, 1, 2, 1, 1]]).repeat(50, 1)
    tokens[row, 3] = 0
    wanted = ["tokens", f"sequence {row},", "position 3", "token 0", "probability 0"]
    check(lambda: posteriors(STRICT, tokens), ValueError, wanted)
    check(lambda: posteriors(STRICT, tokens, lengths=[5] * 50), ValueError, wanted)
    rows = STRICT.emission.T[tokens]
    check(
        lambda: posteriors_from_evidence(STRICT, rows),
        ValueError,
        ["evidence", f"sequence {row},", "position 3", "probability 0"],
    )
    tokens = torch.tensor([[0, 1, 1, 0, 1], [3, 2, 2, 3, 3]]).repeat(25, 1)
    tokens[row, 3] = 2 if row % 2 == 0 else 1
    wanted[-2] = f"token {int(tokens[row, 3])}"
    check(lambda: posteriors(STRICT_MEMORY, tokens), ValueError, wanted)


@pytest.mark.parametrize("row", [0, 30, 999])
def test_an_impossible_text_under_a_blank_keeps_its_number(row):
    tokens = torch.ones(1000, 40, dtype=torch.int64)
    tokens[row, 7] = 0
    # The first word after the blank is at position 0 of the caller's text.
    check(
        lambda: blank_posterior(STRICT, tokens),
        ValueError,
        ["tokens", f"sequence {row},", "position 7", "token 0", "probability 0"],
    )


def test_the_first_of_several_impossible_texts_is_named():
    tokens = torch.tensor([[0, 1, 2]]).repeat(40, 1)
    tokens[[5, 20, 39], 2] = 0
    check(lambda: posteriors(STRICT, tokens), ValueError, ["tokens", "sequence 5,", "position 2"])


def test_an_impossible_token_under_a_blank_or_beyond_the_end_is_no_error():
    seen = torch.tensor([[True, True, False]])
    posteriors(STRICT, [[0, 1, 0]], observed=seen)
    posteriors(STRICT, [[0, 1, 0]], lengths=[2])


def test_a_bad_call_leaves_nothing_behind():
    good = posteriors(STRICT, [[0, 1, 2]])
    with pytest.raises(ValueError, match="probability 0"):
        posteriors(STRICT, [[0, 1, 0]])
    assert torch.equal(posteriors(STRICT, [[0, 1, 2]]).smoothed, good.smoothed)
