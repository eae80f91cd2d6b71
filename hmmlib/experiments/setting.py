"""What the experiments on downstream tasks have in common: an HMM, a task on it, texts, and a stopwatch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from hmmlib.experiments.scoring import CLEAR_MARGIN, Entry, Scorer, mean_divergence, rounded
from hmmlib.hmm import HMM, MemoryHMM
from hmmlib.lm import ExactMaskedLM, blank_probs
from hmmlib.tasks import draw_dataset, draw_task


class Setting:
    """An HMM, a task on it, labelled texts, and what the exact model says of them.

    Args:
        model: The HMM.
        seed: Of task and texts.
        sizes: Numbers of training, validation and test texts.
        length: Tokens in a text, after the blank.
        clear_margin: Nearer to zero than this, a margin leaves the label to rounding.

    Attributes:
        model: The HMM.
        task: The task.
        data: The labelled texts.
        score: Scores answers on them.
        exact: The exact model of the HMM.
        exact_probs: What it shows at the blank before the training and the test texts, two of shape (size,
            V).

    Raises:
        ValueError: As for `hmmlib.draw_task`.
    """

    def __init__(
        self,
        model: HMM | MemoryHMM,
        seed: int,
        *,
        sizes: Sequence[int],
        length: int,
        clear_margin: float = CLEAR_MARGIN,
    ) -> None:
        self.model = model
        self.task = draw_task(model, generator=seed)
        self.data = draw_dataset(self.task, generator=seed, sizes=sizes, length=length)
        self.score = Scorer(self.data, clear_margin)
        self.exact = ExactMaskedLM(model)
        self.exact_probs = self.shown()

    @property
    def texts(self) -> tuple[Tensor, Tensor]:
        """The training and the test texts."""
        return self.data.train.tokens, self.data.test.tokens

    def shown(self, prompt: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the exact model shows at the blank.

        Args:
            prompt: Rows in front of the blank, shape (length, H); None for no prompt.

        Returns:
            Distributions before the training and before the test texts, each of shape (size, V).
        """
        train, test = (blank_probs(self.exact, texts, prompt) for texts in self.texts)
        return train, test

    def posterior(self, **how: Any) -> Entry:
        """Solve a head on the exact posterior of what the task asks for.

        Args:
            **how: As for `Scorer.solved`.

        Returns:
            Its entry.
        """
        train, test = (self.task.posterior(texts) for texts in self.texts)
        return self.score.solved(train, test, **how)

    def facts(self) -> Entry:
        """What task and texts are like.

        Returns:
            The number of `redraws` of the task, and what `Scorer.facts` says.
        """
        return {"redraws": self.task.redraws, **self.score.facts()}

    def blank_kl(self, test_probs: Tensor) -> float:
        """How far what a model shows at the blank before the test texts is from what the exact one does.

        Args:
            test_probs: Its distributions, shape (size, V).

        Returns:
            Mean KL(exact ‖ model), nats.
        """
        return rounded(mean_divergence(self.exact_probs[1], test_probs))


class Stopwatch:
    """Seconds between calls, by the clock and of the processor: only these say what something costs.

    Attributes:
        laps: What was timed, and how long it took.
        cpu_laps: The same in seconds that this process kept processors busy.
    """

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.cpu_laps: dict[str, float] = {}
        self._begin, self._cpu_begin = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        """Note the time since the last call, or since the beginning.

        Args:
            name: What was done in it.
        """
        now, cpu_now = time.perf_counter(), time.process_time()
        self.laps[name] = round(now - self._begin, 1)
        self.cpu_laps[name] = round(cpu_now - self._cpu_begin, 1)
        self._begin, self._cpu_begin = now, cpu_now

    def times(self) -> Entry:
        """What a record says of its run.

        Returns:
            `seconds`, the laps, and `cpu_seconds`.
        """
        return {"seconds": self.laps, "cpu_seconds": self.cpu_laps}


OF_THE_RUN = (("seconds",), ("cpu_seconds",))
"""Where records have what `Stopwatch.times` says."""
