"""Run an installer and say what it is doing: alive in a terminal, short in a log."""

from __future__ import annotations

import queue
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

LARGE_MB = 20.0  # a log names the downloads from this size on
QUIET_SECONDS = 30.0  # a log gets a line at least this often
_SIZE = {"kB": 1e-3, "MB": 1.0, "GB": 1e3}


class Progress:
    """What pip prints, as one line that changes in a terminal, and as a few lines in a log."""

    def __init__(
        self, stream: TextIO, alive: bool | None = None, clock: Callable[[], float] = time.monotonic
    ):
        """Start the clock.

        Args:
            stream: Where to write.
            alive: Whether a line can be written over; found out from the stream by default.
            clock: Seconds.
        """
        self.stream, self.clock = stream, clock
        self.alive = stream.isatty() if alive is None else alive
        self.started = self.said = clock()
        self.packages = 0
        self.now = "starting"

    def line(self, text: str) -> None:
        """Take in one line of pip's or uv's."""
        if found := re.match(r"Collecting (\S+)", text):
            self.packages += 1
            self.now = f"package {self.packages}, {found[1].partition(';')[0]}"
        elif found := re.match(r"\s+Downloading (\S+) \((\d+(?:\.\d+)?) ([kMG]B)\)", text):
            name = "-".join(found[1].rpartition("/")[2].split("-")[:2])
            self.now = f"package {self.packages}, downloading {name} ({found[2]} {found[3]})"
            if float(found[2]) * _SIZE[found[3]] >= LARGE_MB and not self.alive:
                self._say(f"downloading {name} ({found[2]} {found[3]})")
        elif found := re.match(r"Installing collected packages: (.+)", text):
            count = found[1].count(",") + 1
            self.now = f"writing {count} packages"
            if count > 1 and not self.alive:
                self._say(self.now)
        self.tick()

    def tick(self) -> None:
        """Show that time passes."""
        if self.alive:
            self.stream.write(f"\r\x1b[K    {self._seconds()}: {self.now[:60]}")
            self.stream.flush()
        elif self.clock() - self.said >= QUIET_SECONDS:
            self._say(self.now)

    def end(self) -> None:
        """Leave an empty line to whoever writes next."""
        if self.alive:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _say(self, text: str) -> None:
        self.stream.write(f"    {self._seconds()}: {text}\n")
        self.stream.flush()
        self.said = self.clock()

    def _seconds(self) -> str:
        return f"{self.clock() - self.started:3.0f} s"


def run(command: Sequence[str], environment: Mapping[str, str], log: Path, progress: Progress) -> list[str]:
    """Run a command, and keep all that it prints in a file.

    Args:
        command: Its words.
        environment: Its environment.
        log: The file; what it prints is added to it.
        progress: Gets each line.

    Returns:
        Nothing if the command ended well, else the last lines that it printed.
    """
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return [str(error)]
    with log.open("a", encoding="utf-8") as file, process:
        assert process.stdout is not None
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_pass_on, args=(process.stdout, lines))
        reader.start()
        last: deque[str] = deque(maxlen=20)
        ended = False
        while not ended:
            try:
                line = lines.get(timeout=1)
            except queue.Empty:
                progress.tick()
                continue
            if line is None:
                ended = True
            else:
                file.write(line)
                last.append(line.rstrip())
                progress.line(line)
        reader.join()
    progress.end()
    return [] if process.returncode == 0 else [*last] or [f"exit status {process.returncode}"]


def _pass_on(source: TextIO, lines: queue.SimpleQueue[str | None]) -> None:
    for line in source:
        lines.put(line)
    lines.put(None)
