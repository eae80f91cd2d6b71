"""What large models got right before they memorised it, from the arrays that the paper's authors released."""

from __future__ import annotations

import json
import math
import shutil
import subprocess

import numpy as np
import pytest
import torch

import released_learning_dynamics as released
from hmmlib.analysis import read_results
from hmmlib.reasoning import r2_about_identity
from released_learning_dynamics import THRESHOLDS, foretold, main, read_release

GSM8K, MATH = "gsm8k_orig_2epochs_full_lr2e-05_bs2", "math_orig_4epochs_half_lr0.0002_bs2"


def perplexity(log_log):
    return np.exp(np.exp(np.array(log_log, dtype=float)))


def put(folder, step, train, test, log_log, ending="5_seed2"):
    there = folder / f"checkpoint-{step}"
    there.mkdir(parents=True)
    np.save(there / f"train_answer_types{ending}.npy", np.array(train))
    np.save(there / f"test_answer_types{ending}.npy", np.array(test))
    np.save(there / "train_perplexities.npy", perplexity(log_log))


@pytest.fixture
def release(tmp_path):
    """Two runs on four questions: on all of them, and on the first and the last."""
    folder = tmp_path / "release"
    (folder / "ckpts").mkdir(parents=True)
    (folder / "LICENSE").write_text("MIT License\n\nCopyright (c) 2030 somebody\n\nPermission is hereby …\n")

    run = folder / "ckpts" / GSM8K
    # Two samples a question: right, wrong and no answer are 0, 1 and 2.
    first, then = [[0, 1], [0, 0], [1, 2], [0, 0]], [[0, 0], [0, 0], [0, 1], [1, 2]]
    put(run, 2, first, [[0, 1], [2, 1]], [0.0, -2.35, 0.0, -1.5])
    put(run, 4, then, [[0, 0], [0, 1]], [-2.5, -5.0, -2.0, -5.0])
    # Of several kinds that which comes first by the released order counts.
    np.save(run / "checkpoint-2" / "train_answer_types50_seed2.npy", np.ones((4, 50), dtype=int))

    run = folder / "ckpts" / MATH
    for step, right in ((1, 0), (2, 0), (3, 1), (4, 3)):
        train = [[0] * right + [1] * (3 - right), [2, 2, 2], [0, 0, 0], [0, 1, 1]]
        put(run, step, train, [[0, 1, 1]], [-1.75, -4.0, 0.0, 0.0], "10_seed2_temp0.8")
    np.save(run / "subsample_idxs.npy", np.array([3, 0]))
    return folder


def at(values, threshold):
    return values[THRESHOLDS.index(threshold)]


def test_the_means_of_a_run_on_all_questions(release):
    found = read_release(release)["data"]["GSM8K"]
    assert found["threshold"] == -2.3
    (run,) = found["runs"]
    assert (run["name"], run["epochs"], run["share"], run["learning_rate"]) == (GSM8K, 2, 1.0, 2e-5)
    assert (run["batch_size"], run["questions"]) == (2, {"train": 4, "unseen": 0, "test": 2})
    first, then = run["checkpoints"]
    assert [first[name] for name in ("step", "epoch", "in_figure")] == [2, 1, True]
    assert [then[name] for name in ("step", "epoch", "in_figure")] == [4, 2, True]
    assert first["samples"] == then["samples"] == {"train": 2, "test": 2}
    assert (first["train"], first["test"]) == ((0.5 + 1 + 0 + 1) / 4, 0.25)
    assert (then["train"], then["test"]) == ((1 + 1 + 0.5 + 0) / 4, 0.75)
    # The second question is memorised at once. Of the first the best before counts, and of the last, which
    # is forgotten, no more than what is right now.
    assert at(first["pre_memorization"], -2.3) == (0.5 + 0 + 0 + 1) / 4
    assert at(then["pre_memorization"], -2.3) == (0.5 + 0 + 0.5 + 0) / 4
    assert (at(first["memorised"], -2.3), at(then["memorised"], -2.3)) == (0.25, 0.75)
    # With a lower threshold it is not memorised at first, and the first question never.
    assert at(then["pre_memorization"], -2.4) == (0.5 + 1 + 0.5 + 0) / 4
    assert at(then["pre_memorization"], -2.6) == (1 + 1 + 0.5 + 0) / 4
    assert "unseen" not in first


def test_the_means_of_a_run_on_a_part_are_over_the_questions_on_its_list(release):
    found = read_release(release)["data"]["MATH"]
    assert found["threshold"] == -1.7
    (run,) = found["runs"]
    assert (run["epochs"], run["share"], run["learning_rate"]) == (4, 0.5, 2e-4)
    assert run["questions"] == {"train": 2, "unseen": 2, "test": 1}
    points = run["checkpoints"]
    assert [point["epoch"] for point in points] == [1, 2, 3, 4]
    assert [point["in_figure"] for point in points] == [False, True, False, True]
    assert points[0]["samples"] == {"train": 3, "test": 3}
    assert [point["train"] for point in points] == pytest.approx([1 / 6, 1 / 6, 1 / 3, 2 / 3], abs=1e-6)
    # The first question is memorised from the beginning, where the threshold is −1.7 or higher.
    assert [at(p["pre_memorization"], -1.7) for p in points] == pytest.approx([1 / 6] * 4, abs=1e-6)
    assert at(points[3]["pre_memorization"], -1.8) == pytest.approx(2 / 3, abs=1e-6)
    assert points[0]["unseen"]["accuracy"] == 0.5
    assert at(points[0]["unseen"]["memorised"], -1.7) == 0.5


def test_the_forecast_is_that_of_the_released_formula():
    generator = np.random.default_rng(0)
    accuracies = generator.integers(0, 6, (5, 200)) / 5
    log_log = generator.normal(-1.5, 1.5, (5, 200)) - np.arange(5)[:, None] / 2
    found = foretold(torch.tensor(accuracies), torch.tensor(perplexity(log_log)), "a run")
    for place, threshold in enumerate(THRESHOLDS):
        best = np.maximum.accumulate(np.where(log_log >= threshold, accuracies, 0))
        assert found[:, place].tolist() == pytest.approx(np.minimum(best, accuracies).mean(1).tolist())


def test_the_file_says_where_its_numbers_come_from(release, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(released, "OUT", tmp_path / "found.json")
    main([str(release)])
    assert "GSM8K: 2 checkpoints of 1 runs\nMATH: 4 checkpoints of 1 runs\n" in capsys.readouterr().out
    content = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert content["thresholds"] == list(THRESHOLDS)
    made = content["provenance"]
    assert {"date", "versions", "git", "method"} < set(made)
    expected = {"repository": released.REPOSITORY, "licence": "MIT License"}
    expected["copyright"] = "Copyright (c) 2030 somebody"
    assert made["source"] == expected | {"commit": None, "dirty": None}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_of_the_release_is_kept(release):
    def git(*words):
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        words = ["git", "-C", release, *who, *words]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--no-gpg-sign", "-m", "All")
    source = read_release(release)["provenance"]["source"]
    assert (source["commit"], source["dirty"]) == (git("rev-parse", "HEAD"), False)
    (release / "LICENSE").write_text("MIT License\nCopyright (c) 2031 somebody\n")
    assert read_release(release)["provenance"]["source"]["dirty"] is True


def point(run=GSM8K, step=2):
    return f"ckpts/{run}/checkpoint-{step}"


def test_what_is_missing_is_named_with_what_was_expected(release, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nowhere")])
    assert "no such folder; expected it in a checkout of https" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="ckpts: there is no such folder"):
        read_release(tmp_path)
    for name, message in (
        ("LICENSE", r"LICENSE: there is no such file; expected the licence"),
        (f"{point()}/train_perplexities.npy", r"train_perplexities\.npy: there is no such file; expected fl"),
        (f"{point()}/test_answer_types5_seed2.npy", r"checkpoint-2: expected one of the files test_answer_t"),
        (f"ckpts/{MATH}/subsample_idxs.npy", r"subsample_idxs\.npy: there is no such file; expected int"),
    ):
        (release / name).rename(tmp_path / "aside")
        with pytest.raises(FileNotFoundError, match=message):
            read_release(release)
        (tmp_path / "aside").rename(release / name)
    shutil.rmtree(release / point(step=4))
    with pytest.raises(ValueError, match="last checkpoint is of step 2; expected step 4, after 2 times 4 q"):
        read_release(release)
    shutil.rmtree(release / point(step=2))
    with pytest.raises(FileNotFoundError, match=f"{GSM8K}: expected folders checkpoint-STEP, got none"):
        read_release(release)
    shutil.rmtree(release / "ckpts" / GSM8K)
    with pytest.raises(ValueError, match="ckpts: expected runs on GSM8K, in folders gsm8k_…, got none"):
        read_release(release)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train_answer_types5_seed2", [[0, 3]] * 4, r"right\), 1 \(wrong\) or 2 \(no answer\), got 3"),
        ("train_answer_types5_seed2", [0, 1, 1, 1], r"integers with 2 axes, none empty, got int64 of shape"),
        ("test_answer_types5_seed2", [[0.5, 1.0]], r"expected integers with 2 axes, none empty, got float64"),
        (
            "test_answer_types5_seed2",
            [[0], [0], [0]],
            r"expected as many questions at each checkpoint, got \[",
        ),
        ("train_perplexities", [2.0, 2.0], r"expected 4 perplexities, one for each question, got 2"),
        ("train_perplexities", [2.0, 0.5, 2.0, 2.0], r"entry 1 is 0\.5; expected a perplexity, 1 or more"),
        ("train_perplexities", [2.0, 2.0, math.nan, 2.0], r"entry 2 is nan; expected a perplexity"),
    ],
)
def test_bad_arrays_are_named(release, name, content, message):
    path = release / point() / f"{name}.npy"
    np.save(path, np.array(content))
    with pytest.raises(ValueError, match=f"{GSM8K}.*{message}"):
        read_release(release)


def test_bad_lists_files_and_names_are_named(release):
    places = release / "ckpts" / MATH / "subsample_idxs.npy"
    for wrong in ([0, 4], [-1, 0], [1, 1], [0, 1, 2, 3]):
        np.save(places, np.array(wrong))
        with pytest.raises(ValueError, match=r"subsample_idxs\.npy: expected the places of some of 4 quest"):
            read_release(release)
    places.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ValueError, match=r"subsample_idxs\.npy: expected integers .* got no array of numpy"):
        read_release(release)
    (release / "LICENSE").write_text("MIT License\n")
    with pytest.raises(ValueError, match="LICENSE: expected a line that begins with 'Copyright'"):
        read_release(release)
    (release / "LICENSE").write_text("MIT License\nCopyright (c) 2030 somebody\n")
    (release / "ckpts" / "another").mkdir()
    with pytest.raises(ValueError, match="another: expected the folder of a run, named"):
        read_release(release)


# What is stored, and what the chapter says of it.

STORED = read_results("pre_memorization_released")


def points_of(title):
    return [point for run in STORED["data"][title]["runs"] for point in run["checkpoints"]]


def test_the_stored_file_is_well_formed():
    assert STORED["thresholds"] == list(THRESHOLDS)
    made = STORED["provenance"]
    assert made["source"]["dirty"] is False
    assert made["git"]["dirty"] is False
    sizes = {"GSM8K": (7473, 1319, 128), "MATH": (7500, 5000, 24)}
    assert list(STORED["data"]) == list(sizes)
    for title, found in STORED["data"].items():
        assert (found["threshold"], title) in {(-2.3, "GSM8K"), (-1.7, "MATH")}
        for run in found["runs"]:
            n, n_test, batch = sizes[title]
            assert run["questions"]["train"] == int(run["share"] * n)
            assert run["questions"]["train"] + run["questions"]["unseen"] == n
            assert (run["questions"]["test"], run["batch_size"]) == (n_test, batch)
            epochs = [point["epoch"] for point in run["checkpoints"]]
            every = 2 if run["share"] == 0.25 else 1
            assert epochs == list(range(every, run["epochs"] + 1, every))
            for point in run["checkpoints"]:
                assert ("unseen" in point) is (run["share"] < 1)
                # The higher the threshold, the more are memorised, and the less is right before.
                assert len(point["memorised"]) == len(point["pre_memorization"]) == len(THRESHOLDS)
                assert sorted(point["memorised"]) == point["memorised"]
                assert sorted(point["pre_memorization"], reverse=True) == point["pre_memorization"]
                assert 0 < point["pre_memorization"][0] <= point["train"] <= 1
    counts = {t: (len(STORED["data"][t]["runs"]), len(points_of(t))) for t in sizes}
    assert counts == {"GSM8K": (13, 51), "MATH": (11, 42)}
    drawn = {title: sum(point["in_figure"] for point in points_of(title)) for title in sizes}
    assert drawn == {"GSM8K": 45, "MATH": 36}


def test_the_stored_forecasts_are_those_that_the_authors_stored():
    # Means over questions of the arrays unmemorized_acc_cummax_*.npy, which two notebooks' runs left behind.
    theirs = {
        "gsm8k_orig_3epochs_full_lr2e-05_bs128": (-2.5, [0.469295, 0.520185, 0.545240]),
        "math_orig_6epochs_full_lr5e-05_bs24": (
            -1.7,
            [0.034480, 0.051413, 0.058320, 0.071013, 0.078693, 0.079440],
        ),
    }
    runs = {run["name"]: run for found in STORED["data"].values() for run in found["runs"]}
    for name, (threshold, expected) in theirs.items():
        found = [at(point["pre_memorization"], threshold) for point in runs[name]["checkpoints"]]
        assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("title", ["GSM8K", "MATH"])
def test_accuracy_before_memorisation_foretells_tests_and_training_accuracy_does_not(title):
    points, threshold = points_of(title), STORED["data"][title]["threshold"]
    tests = [point["test"] for point in points]

    def worth(p):
        return r2_about_identity([at(point["pre_memorization"], p) for point in points], tests)

    assert worth(threshold) > 0.9
    assert max(THRESHOLDS, key=worth) == threshold
    assert worth({"GSM8K": -1.7, "MATH": -2.3}[title]) < 0.4
    assert r2_about_identity([point["train"] for point in points], tests) < -5


def test_one_list_of_questions_is_of_another_run():
    parts = {}
    for title, found in STORED["data"].items():
        place = THRESHOLDS.index(found["threshold"])
        for run in found["runs"]:
            if run["share"] < 1:
                last = run["checkpoints"][-1]
                shares = last["memorised"][place], last["unseen"]["memorised"][place]
                parts[title, run["share"]] = shares
    assert set(parts) == {("GSM8K", 0.5), ("GSM8K", 0.25), ("MATH", 0.5), ("MATH", 0.25)}
    assert parts.pop(("MATH", 0.5)) == pytest.approx((0.5, 0.5), abs=0.02)
    for on_it, off_it in parts.values():
        assert on_it > 0.99
        assert off_it < 0.015
