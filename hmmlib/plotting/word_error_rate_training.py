"""Figures of transducers trained for likelihood and for word errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from hmmlib.plotting.style import PALETTE


def lattice_posteriors(panels: Mapping[str, np.ndarray], words: Sequence[str]) -> Figure:
    """Draw at which frame a transducer writes each word of a string.

    Args:
        panels: For each title the posterior probability that a word is written at a frame, shape (T, U).
        words: The words, U of them.

    Returns:
        The figure; a row for each word, darker is more probable.
    """
    figure, axes = plt.subplots(len(panels), 1, figsize=(6.4, 0.9 + 1.5 * len(panels)), squeeze=False)
    for axis, (title, table) in zip(axes.flat, panels.items(), strict=True):
        axis.imshow(np.asarray(table).T, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axis.set(title=title, ylabel="word")
        axis.set_yticks(range(len(words)), words)
        axis.grid(visible=False)
    axes[-1, 0].set_xlabel("frame")
    return figure


def loss_and_errors(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], starts: Sequence[tuple[float, float]]
) -> Figure:
    """Draw where training leads in the plane of log-loss and word error rate.

    Args:
        panels: For each title and each way of training on, the points where it ends: nats per utterance, and
            errors in percent, one for each seed.
        starts: Where training went on from, in the order of the panels' seeds, panel by panel.

    Returns:
        The figure; a line leads from each start to each end.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(1.2 + 2.9 * len(panels), 3.6), squeeze=False)
    begin = iter(starts)
    for axis, (title, ways) in zip(axes.flat, panels.items(), strict=True):
        from_here = [next(begin) for _ in next(iter(ways.values()))]
        axis.plot(*zip(*from_here, strict=True), label="start", linestyle="none", marker=".", color="#666666")
        for (name, ends), style in zip(ways.items(), PALETTE, strict=False):
            for (x0, y0), (x1, y1) in zip(from_here, ends, strict=True):
                thin = {"color": style.color, "linestyle": style.linestyle, "linewidth": 0.8, "alpha": 0.6}
                axis.plot([x0, x1], [y0, y1], **thin)
            axis.plot(
                *zip(*ends, strict=True),
                label=name,
                linestyle="none",
                marker=style.marker,
                color=style.color,
            )
        axis.set(title=title, xlabel="nats per utterance")
    axes[0, 0].set_ylabel("word errors, %")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def errors_by_setting(
    panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], x_labels: Mapping[str, str]
) -> Figure:
    """Draw word errors against a setting of the search, a panel for each setting.

    Args:
        panels: For each title the models by name: for each value of the setting the errors in percent, one
            for each seed. The line is their mean.
        x_labels: What the setting is, by title.

    Returns:
        The figure; the panels have one scale of errors.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.2 + 2.9 * len(panels), 3.6), squeeze=False, sharey=True
    )
    for axis, (title, models) in zip(axes.flat, panels.items(), strict=True):
        for (name, values), style in zip(models.items(), PALETTE, strict=False):
            means = [float(np.mean(some)) for some in values.values()]
            axis.plot(list(values), means, label=name, **style._asdict())
        axis.set(title=title, xlabel=x_labels[title])
    axes[0, 0].set_ylabel("word errors, %")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
