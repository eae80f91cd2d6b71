"""SIGTERM stops a command as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM, which is to stop things as Ctrl-C does."""


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Raise `Terminated` where the signal arrives meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
