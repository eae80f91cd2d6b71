"""Ctrl-C while a process starts: it reaches the parent, which decides what it means."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """What is started meanwhile does not hear of Ctrl-C, not even while it imports what it needs.

    It goes to all processes of a terminal, and the parent decides what it means: afterwards, lest a process
    be left half started.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It is started before the first process otherwise, and lets the signal through again.
    resource_tracker.ensure_running()
    with _ctrl_c_afterwards():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _ctrl_c_afterwards() -> Iterator[None]:
    """Python interrupts the main thread whichever thread the signal reaches, so a mask is not enough."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if handler is None else handler)
        if heard:
            signal.raise_signal(signal.SIGINT)
