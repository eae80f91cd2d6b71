"""Callers in several threads share a process: what one sets for its own work is as before afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import pytest
import torch
from threadpoolctl import ThreadpoolController

from hmmlib import posteriors, random_hmm, sample_tokens
from hmmlib.hmm import _batches

HMM_8 = random_hmm(8, 10, generator=0)
TEXTS = sample_tokens(HMM_8, 64, 20, generator=1)


def blas_threads():
    # Of numpy, which makes the products; scipy may have brought another.
    numbers = {
        library["filepath"]: library["num_threads"]
        for library in ThreadpoolController().select(user_api="blas").info()
    }
    return [number for path, number in numbers.items() if "numpy" in path] or list(numbers.values())


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        _batches._let_others_set_blas()
        yield
    _batches._let_others_set_blas()
    torch.set_num_threads(before)


@pytest.fixture
def meeting(monkeypatch):
    """Calls from two threads are both under way at the same time, and the first leaves before the second."""
    entered, left = Barrier(2), Barrier(2)
    run, seen = _batches._piece, []

    def piece(batch, rows, scratch):
        if rows.start == 0:
            entered.wait(60)
            seen.append(blas_threads())
            if batch.shape[1] == 2:  # the second caller's
                left.wait(60)
                seen.append(blas_threads())
        return run(batch, rows, scratch)

    monkeypatch.setattr(_batches, "_piece", piece)
    return seen, left


@pytest.mark.parametrize("n_texts", [1, 64])
def test_blas_has_its_threads_back_when_the_last_caller_leaves(meeting, n_texts):
    seen, left = meeting
    before = blas_threads()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(posteriors, HMM_8, TEXTS[:n_texts, :1])
        second = pool.submit(posteriors, HMM_8, TEXTS[:n_texts, :2])
        first.result(60)
        left.wait(60)
        second.result(60)
    assert seen == [[1] * len(before)] * 3  # while anyone is inside, even after the first has left
    assert blas_threads() == before == [2] * len(before)


def test_blas_has_its_threads_back_after_an_error():
    impossible = [[0, 9]]
    model = type(HMM_8)([1.0, 0], [[1.0, 0], [0, 1]], [[1.0] + [0] * 9, [0] * 9 + [1.0]])
    with pytest.raises(ValueError, match="probability 0"):
        posteriors(model, impossible)
    assert set(blas_threads()) == {2}


@pytest.mark.parametrize("n_texts", [1, 64])
def test_threads_of_others_keep_the_number_that_the_user_set(monkeypatch, n_texts):
    # A thread takes over the number when it first asks torch for it.
    run, found = _batches._piece, []

    def piece(*arguments):
        other = Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert torch.get_num_threads() == 1
        return run(*arguments)

    monkeypatch.setattr(_batches, "_piece", piece)
    posteriors(HMM_8, TEXTS[:n_texts])
    assert set(found) == {2}
    assert torch.get_num_threads() == 2


def test_a_single_piece_starts_no_threads(monkeypatch):
    monkeypatch.setattr(_batches, "ThreadPoolExecutor", None)
    posteriors(HMM_8, TEXTS[:1])
    with pytest.raises(TypeError):
        posteriors(HMM_8, TEXTS)
