"""An experiment that takes no time to speak of, and misbehaves on demand; other processes import it too.

    python -m fake_experiments sweep fake --store runs

is the command line with this experiment; `kill` does the same in processes that are killed again and again.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from hmmlib.sweeps import Experiment, option, runner

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class FakeRecipe:
    steps: int = 3
    rates: tuple[float, ...] = (0.1, 0.2)
    name: str = "plain"
    patience: int | None = None
    warm: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps: expected at least 1, got {self.steps}")


@dataclass(frozen=True)
class FakeConfig:
    numbers: tuple[int, ...] = option(tuple(range(12)), "numbers")
    seeds: tuple[int, ...] = option((1,), "seeds")
    delay: float = option(0.0, "seconds")
    trouble: str = option("none", "what goes wrong")
    rates: tuple[float | None, ...] = option((None,), "rates")
    sizes: tuple[int, int] = option((1, 2), "two sizes")
    hidden: int = 0

    def asked(self) -> dict[str, Any]:
        return asdict(self)

    def cells(self) -> list[dict[str, Any]]:
        shared = {"delay": self.delay, "trouble": self.trouble, "sizes": self.sizes}
        shared |= {"recipe": asdict(FakeRecipe())}
        return [
            {"number": number, "seed": seed, "rate": rate, **shared}
            for seed in self.seeds
            for rate in self.rates
            for number in self.numbers
        ]


def compute(config, place):
    begin = time.perf_counter()
    pids = place.folder / "pids"
    pids.mkdir(parents=True, exist_ok=True)
    (pids / str(os.getpid())).touch()
    for _ in tqdm(range(2), disable=True):
        time.sleep(config["delay"] / 2)
    odd, trouble = config["number"] % 2 == 1, config["trouble"]
    if odd and trouble == "fails":
        raise RuntimeError(f"{config['number']} is odd")
    if odd and trouble == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "dies once" and config["number"] == 3 and not (place.folder / "died").exists():
        (place.folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "interrupts" and config["number"] == 3:
        raise KeyboardInterrupt
    random_numbers = torch.rand(3, generator=torch.Generator().manual_seed(config["number"]))
    return {
        "number": config["number"],
        "text": "Ḡ ≈ G",
        "steps": config["recipe"]["steps"],
        "value": float("nan") if odd and trouble == "not finite" else config["number"] / 3,
        "random": random_numbers.tolist(),
        "threads": torch.get_num_threads(),
        "history": {"step": [0, 1], "seconds": [0.0, time.perf_counter() - begin]},
        "seconds": time.perf_counter() - begin,
    }


def check(config):
    FakeRecipe(**config["recipe"])


FAKE = Experiment(
    name="fake",
    title="nothing in particular",
    presets={
        "small": FakeConfig(),
        "large": FakeConfig(numbers=tuple(range(60)), delay=0.02),
    },
    compute=compute,
    of_the_run=(("seconds",), ("history", "seconds"), ("not there",)),
    groups=("seed",),
    columns={"value": lambda record: record["value"], "none": lambda record: record.get("nothing")},
    check=check,
)
EXPERIMENTS = {"fake": FAKE}


def count_instead_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give sweeps a clock that moves on by 0.1 s each time it is read, however busy the machine is."""
    real, ticks = runner._Deadline, itertools.count()
    monkeypatch.setattr(runner, "_Deadline", lambda limit: real(limit, now=lambda: next(ticks) / 10))


def killed_sweeps(folder: Path, count: int, seed: int) -> None:
    """Begin with the large sweep again and again, and kill it each time, at times within a write."""
    from hmmlib.cli import main

    times = random.Random(seed)
    for turn in range(count):
        pid = os.fork()
        if pid == 0:
            if turn % 2:
                _die_in_a_write(after=times.randrange(4), half=turn % 4 == 1)
            os._exit(main(["sweep", "fake", "--preset", "large", "--store", str(folder)], EXPERIMENTS))
        if turn % 2 == 0:
            time.sleep(times.uniform(0, 0.15))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")


def _die_in_a_write(after: int, half: bool) -> None:
    written = []

    def fsync(file: int) -> None:
        if len(written) == after:
            if half:
                os.ftruncate(file, os.fstat(file).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        written.append(file)

    os.fsync = fsync


if __name__ == "__main__":
    if sys.argv[1] == "kill":
        killed_sweeps(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        # Imported by its name, as other processes know it.
        import fake_experiments

        from hmmlib.cli import main

        sys.exit(main(sys.argv[1:], fake_experiments.EXPERIMENTS))
