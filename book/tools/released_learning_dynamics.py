"""Make `book/results/pre_memorization_released.json`: what large models got right before they memorised it.

The build never runs this; what it writes is in the repository. It needs what Kang et al. (2024, arXiv
2411.07681) released with their paper, MIT licence:

    git clone https://github.com/katiekang1998/reasoning_generalization
    python book/tools/released_learning_dynamics.py reasoning_generalization

There each checkpoint of each run has whether samples of the model were right, on all questions of the
training set and of the test set, and how perplexed it was by the solutions of the training set. No model is
run here, and only means over questions are kept. They are computed as in the released notebooks:

- Where a checkpoint has samples of several kinds, those count that come first in `SAMPLES`.
- A run on a part of the training set has a list of its questions; only these are its training questions.
- The notebooks draw each checkpoint of a run on the whole training set, and each second one of the others.

What a run does with the questions that are not on its list is kept as well, as `unseen`. The list of the run
on half of MATH seems to be of another run: as many solutions are memorised off it as on it. The notebooks
take it as it is, and so does this.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hmmlib.reasoning import memorised_by_perplexity, pre_memorization_accuracy
from hmmlib.sweeps.provenance import provenance

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "book" / "results" / "pre_memorization_released.json"
REPOSITORY = "https://github.com/katiekang1998/reasoning_generalization"

THRESHOLDS = tuple(round(-3 + i / 10, 1) for i in range(21))
DATA = {"gsm8k": ("GSM8K", -2.3), "math": ("MATH", -1.7)}
"""Name of each data set, and the threshold on log log perplexity that the released notebooks have for it."""

RUN = re.compile(r"(gsm8k|math)_orig_(\d+)epochs_(full|half|quarter)_lr([\d.]+(?:e-\d+)?)_bs(\d+)")
RUN_FORM = "(gsm8k|math)_orig_EPOCHSepochs_(full|half|quarter)_lrRATE_bsBATCH"
SHARES = {"full": 1.0, "half": 0.5, "quarter": 0.25}
SAMPLES = ("5_seed2_temp0.8", "50_seed2_temp0.8", "5_seed2", "50_seed2", "10_seed2_temp0.8")
"""Endings of the files that say what samples were, by precedence; they begin with how many there are."""

RIGHT, WRONG, NO_ANSWER = 0, 1, 2
"""What a sample can be; one without an answer counts as wrong."""


class Checkpoint(NamedTuple):
    """What the files of a checkpoint say.

    Attributes:
        step: Of the optimiser.
        train: Share of the samples that are right, for each question of the training set, shape (n,).
        perplexity: Of their solutions, 1 … ∞, shape (n,).
        test: Share of the samples that are right, for each question of the test set, shape (n_test,).
        samples: How many samples each question has: training, test.
    """

    step: int
    train: NDArray[np.float64]
    perplexity: NDArray[np.float64]
    test: NDArray[np.float64]
    samples: tuple[int, int]


def read_array(path: Path, kind: str, n_axes: int = 1) -> NDArray[Any]:
    """Read an array of numpy.

    Args:
        path: The file.
        kind: "i" for integers, "f" for floating-point numbers.
        n_axes: How many axes it must have, none of them empty.

    Returns:
        The array.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or holds something else.
    """
    expected = f"{'integers' if kind == 'i' else 'floating-point numbers'} with {n_axes} axes, none empty"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; expected {expected}")
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected {expected}, got no array of numpy ({error})") from None
    if found.dtype.kind != kind or found.ndim != n_axes or not found.size:
        raise ValueError(f"{path}: expected {expected}, got {found.dtype} of shape {found.shape}")
    return found


def share_right(folder: Path, questions: str) -> tuple[NDArray[np.float64], int]:
    """How often each question is answered rightly at a checkpoint.

    Args:
        folder: Of the checkpoint.
        questions: "train" or "test".

    Returns:
        Share of the samples that are right, shape (questions,), and how many samples there are.

    Raises:
        FileNotFoundError: It has no samples; the released notebooks would take those of another checkpoint.
        ValueError: A file is damaged, or what a sample is said to be is unknown.
    """
    names = [f"{questions}_answer_types{ending}.npy" for ending in SAMPLES]
    name = next((name for name in names if (folder / name).is_file()), None)
    if name is None:
        raise FileNotFoundError(f"{folder}: expected one of the files {', '.join(names)}")
    found = read_array(folder / name, "i", 2)
    unknown = np.setdiff1d(found, [RIGHT, WRONG, NO_ANSWER])
    if len(unknown):
        raise ValueError(
            f"{folder / name}: expected 0 (right), 1 (wrong) or 2 (no answer), got {int(unknown[0])}"
        )
    return (found == RIGHT).mean(1), found.shape[1]


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Args:
        folder: Its folder, named after the step.

    Returns:
        What its files say.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is damaged, does not fit another, or has a perplexity below 1 or no number.
    """
    (train, n), (test, n_test) = share_right(folder, "train"), share_right(folder, "test")
    path = folder / "train_perplexities.npy"
    perplexity = read_array(path, "f")
    if perplexity.shape != train.shape:
        raise ValueError(
            f"{path}: expected {len(train)} perplexities, one for each question, got {len(perplexity)}"
        )
    wrong = np.flatnonzero(~(perplexity >= 1))
    if len(wrong):
        raise ValueError(
            f"{path}: entry {wrong[0]} is {perplexity[wrong[0]]:g}; expected a perplexity, 1 or more"
        )
    return Checkpoint(int(folder.name.partition("-")[2]), train, perplexity, test, (n, n_test))


def read_part(folder: Path, n: int) -> NDArray[np.bool_]:
    """Which questions of the training set a run on a part of them was trained on, by its list.

    Args:
        folder: Of the run.
        n: How many questions the training set has.

    Returns:
        Whether each is on the list, shape (n,).

    Raises:
        FileNotFoundError: There is no list.
        ValueError: It is damaged, names a question twice or one that there is not, or names all.
    """
    path = folder / "subsample_idxs.npy"
    places = read_array(path, "i")
    if places.min() < 0 or places.max() >= n or len(np.unique(places)) < len(places) or len(places) == n:
        raise ValueError(f"{path}: expected the places of some of {n} questions, 0 … {n - 1}, each once")
    listed = np.zeros(n, dtype=bool)
    listed[places] = True
    return listed


def foretold(accuracies: Tensor, perplexities: Tensor, run: str) -> Tensor:
    """Accuracy before memorisation at each checkpoint, by each threshold.

    Args:
        accuracies: Of each training question at each checkpoint, shape (checkpoints, n).
        perplexities: Of its solution, the same shape.
        run: Name of the run.

    Returns:
        Means over questions, shape (checkpoints, thresholds).
    """
    rows = []
    for threshold in THRESHOLDS:
        known = memorised_by_perplexity(perplexities, threshold)
        ends = range(1, len(accuracies) + 1)
        rows.append([pre_memorization_accuracy(accuracies[:m], known[:m], run=run).mean() for m in ends])
    return torch.tensor(rows, dtype=torch.float64).T


def memorised(perplexities: Tensor) -> list[float]:
    """Share of solutions that each threshold calls memorised.

    Args:
        perplexities: Of the solutions, 1 … ∞, shape (n,).

    Returns:
        0 … 1, one for each of `THRESHOLDS`.
    """
    return [_rounded(memorised_by_perplexity(perplexities, p).double().mean()) for p in THRESHOLDS]


def others(accuracies: Tensor, perplexities: Tensor) -> dict[str, Any]:
    """What a checkpoint does with questions that are not on the list of its run.

    Args:
        accuracies: Share of the samples that are right, for each of them, shape (n,).
        perplexities: Of their solutions, shape (n,).

    Returns:
        The mean accuracy, and the share that each threshold calls memorised.
    """
    return {"accuracy": _rounded(accuracies.mean()), "memorised": memorised(perplexities)}


def read_run(folder: Path) -> dict[str, Any]:
    """Read a run, and compute the means over its questions.

    Args:
        folder: Its folder, whose name says how it was trained.

    Returns:
        Its record in the file.

    Raises:
        FileNotFoundError: A file is missing, or there is no checkpoint.
        ValueError: A name or a file is not as it should be.
    """
    name = RUN.fullmatch(folder.name)
    if name is None:
        raise ValueError(f"{folder}: expected the folder of a run, named {RUN_FORM}")
    epochs, share, rate, batch = int(name[2]), SHARES[name[3]], float(name[4]), int(name[5])
    folders = [path for path in folder.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    if not folders:
        raise FileNotFoundError(f"{folder}: expected folders checkpoint-STEP, got none")
    checkpoints = sorted((read_checkpoint(path) for path in folders), key=lambda point: point.step)
    sizes = {(len(point.train), len(point.test)) for point in checkpoints}
    if len(sizes) > 1:
        raise ValueError(f"{folder}: expected as many questions at each checkpoint, got {sorted(sizes)}")
    n, n_test = sizes.pop()
    trained = np.ones(n, dtype=bool) if share == 1 else read_part(folder, n)

    # A last batch that is not full makes no step.
    a_pass = int(trained.sum()) // batch
    if checkpoints[-1].step != epochs * a_pass:
        raise ValueError(
            f"{folder}: the last checkpoint is of step {checkpoints[-1].step}; expected step "
            f"{epochs * a_pass}, after {epochs} times {trained.sum()} questions in batches of {batch}"
        )
    accuracies, perplexities = (
        torch.from_numpy(np.stack(arrays))
        for arrays in ([point.train for point in checkpoints], [point.perplexity for point in checkpoints])
    )
    seen = torch.from_numpy(trained)
    before = foretold(accuracies[:, seen], perplexities[:, seen], folder.name)

    return {
        "name": folder.name,
        "epochs": epochs,
        "share": share,
        "learning_rate": rate,
        "batch_size": batch,
        "questions": {"train": int(seen.sum()), "unseen": int((~seen).sum()), "test": n_test},
        "checkpoints": [
            {
                "step": point.step,
                "epoch": round(point.step / a_pass),
                "in_figure": share == 1 or m % 2 == 1,
                "samples": {"train": point.samples[0], "test": point.samples[1]},
                "train": _rounded(accuracies[m, seen].mean()),
                "test": _rounded(point.test.mean()),
                "pre_memorization": [_rounded(value) for value in before[m]],
                "memorised": memorised(perplexities[m, seen]),
            }
            | ({"unseen": others(accuracies[m, ~seen], perplexities[m, ~seen])} if share < 1 else {})
            for m, point in enumerate(checkpoints)
        ],
    }


def read_source(folder: Path) -> dict[str, Any]:
    """Where the numbers come from, and whose they are.

    Args:
        folder: The checkout.

    Returns:
        Repository, licence, the line of its copyright, and the commit; None where the folder is no checkout
        of git. `dirty`: whether files in it were changed.

    Raises:
        FileNotFoundError: There is no licence.
        ValueError: The licence has no line of copyright.
    """
    path = folder / "LICENSE"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; expected the licence of {REPOSITORY}")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    whose = next((line for line in lines if line.startswith("Copyright")), None)
    if whose is None:
        raise ValueError(f"{path}: expected a line that begins with 'Copyright'")
    found = {"repository": REPOSITORY, "licence": lines[0], "copyright": whose}
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():  # may lie within another repository
        return found | {"commit": None, "dirty": None}
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain")
    return found | {"commit": commit, "dirty": changes != ""}


def read_release(folder: Path) -> dict[str, Any]:
    """Read all runs of the release.

    Args:
        folder: The checkout.

    Returns:
        Content of the file.

    Raises:
        FileNotFoundError: The folder or a file in it is missing.
        ValueError: A file is damaged, a name unknown, or a data set has no run.
    """
    runs = folder / "ckpts"
    if not runs.is_dir():
        raise FileNotFoundError(f"{runs}: there is no such folder; expected it in a checkout of {REPOSITORY}")
    source = read_source(folder)
    records = [read_run(path) for path in sorted(runs.iterdir()) if path.is_dir()]
    records.sort(key=lambda run: (-run["share"], run["epochs"], run["learning_rate"]))
    data = {}
    for key, (title, threshold) in DATA.items():
        mine = [run for run in records if run["name"].startswith(f"{key}_")]
        if not mine:
            raise ValueError(f"{runs}: expected runs on {title}, in folders {key}_…, got none")
        data[title] = {"threshold": threshold, "runs": mine}
    method = (
        "Means over questions of the released arrays; no model was run. Accuracy before memorisation by "
        "hmmlib.reasoning.pre_memorization_accuracy, where a solution is memorised if log log perplexity is "
        "below the threshold."
    )
    made = {"source": source, "method": method, **provenance(OUT, ("hmmlib", "numpy", "torch"))}
    return {"provenance": made, "thresholds": list(THRESHOLDS), "data": data}


def main(arguments: list[str] | None = None) -> None:
    """Read the release and write the file.

    Args:
        arguments: What stands on the command line; None: that of this process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("path", type=Path, help=f"folder with a checkout of {REPOSITORY}", metavar="PATH")
    try:
        content = read_release(parser.parse_args(arguments).path)
    except (OSError, ValueError) as error:
        parser.error(f"PATH: {error}")
    OUT.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for title, found in content["data"].items():
        points = [point for run in found["runs"] for point in run["checkpoints"]]
        print(f"{title}: {len(points)} checkpoints of {len(found['runs'])} runs")
    print(f"wrote {OUT}")


def _rounded(value: Any) -> float:
    return round(float(value), 6)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says of a folder, without writing to it; None where it says nothing."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


if __name__ == "__main__":
    main()
