"""Sweeps give the same records in however many processes they run, and however often they are killed."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from awaited import AWAITED
from fake_experiments import FAKE, FakeConfig, count_instead_of_time

from hmmlib.experiments import exact_prompts, pretraining
from hmmlib.experiments.exact_prompts import ExactPromptsConfig
from hmmlib.sweeps import (
    CellStore,
    ChangedConfig,
    InProcess,
    Job,
    LocalWorkers,
    Workplace,
    collect,
    dask,
    options,
    progress_options,
    runner,
    sweep,
    workers,
)
from hmmlib.sweeps.experiment import joined, split

ROOT = Path(__file__).resolve().parents[1]
FILES = {"exact-prompts": "exact_prompts.json", "pretraining": "pretraining_laptop.json"}
LARGE = FAKE.presets["large"]
PATIENCE = 300  # seconds until something hangs, and is not only slow
PATHS = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


def contents(folder):
    """All that a store holds, but for the provenance: byte by byte, as it is written."""
    found = {}
    for path in sorted(folder.glob("*/*.json")):
        stored = json.loads(path.read_text(encoding="utf-8"))
        del stored["provenance"]
        found[path.name] = json.dumps(stored)
    return found


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert sweep(FAKE, LARGE, CellStore(folder)).computed == 60
    return contents(folder)


def fake_command(*arguments):
    environment = os.environ | {"PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "fake_experiments", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        command, env=environment, start_new_session=True, preexec_fn=_hear_ctrl_c, **pipes
    )


def _hear_ctrl_c():
    # Tests that run in the background of a shell are deaf to it, and so are their children.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(happened):
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- in this process ---


def test_what_is_there_is_not_computed_again(tmp_path, monkeypatch):
    store = CellStore(tmp_path)
    first = sweep(FAKE, FakeConfig(numbers=(1, 2)), store)
    assert (first.computed, first.failed, first.left) == (2, [], 0)
    second = sweep(FAKE, FakeConfig(numbers=(2, 3, 4)), store)
    assert second.computed == 2
    before = contents(tmp_path)
    monkeypatch.setattr(runner, "_pool", None)
    assert sweep(FAKE, FakeConfig(numbers=(1, 2, 3, 4)), store).computed == 0
    assert contents(tmp_path) == before
    assert len(before) == 4


def test_what_is_of_the_run_is_kept_with_the_provenance(tmp_path):
    store = CellStore(tmp_path)
    config = FakeConfig(numbers=(5,))
    sweep(FAKE, config, store)
    cell = store.get("fake", config.cells()[0])
    assert list(cell.record) == ["number", "text", "steps", "value", "random", "threads", "history"]
    assert cell.record["history"] == {"step": [0, 1]}
    run = cell.provenance
    assert set(run["of_the_run"]) == {"seconds", "history"}
    assert run["wall_seconds"] >= run["of_the_run"]["seconds"] - 1e-3
    assert run["device"] == "cpu"
    assert run["cpu_seconds"] >= 0
    assert {"date", "machine", "versions", "git"} <= set(run)
    assert run["versions"]["torch"] == torch.__version__


def test_each_cell_is_computed_on_one_core(tmp_path):
    config, before = FakeConfig(numbers=(1,)), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        sweep(FAKE, config, CellStore(tmp_path))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert CellStore(tmp_path).get("fake", config.cells()[0]).record["threads"] == 1


def test_a_failing_cell_is_reported_and_the_others_go_on(tmp_path, caplog):
    store, config = CellStore(tmp_path), FakeConfig(numbers=(1, 2, 3, 4), trouble="fails")
    done = sweep(FAKE, config, store)
    assert (done.computed, [cell["number"] for cell in done.failed], done.left) == (2, [1, 3], 0)
    assert [cell["number"] for cell in collect(FAKE, config, store).missing] == [1, 3]
    assert 'fake: the cell {"delay":0.0,"number":1,' in caplog.text
    assert "RuntimeError: 1 is odd" in caplog.text
    assert 'raise RuntimeError(f"' in caplog.text


def test_a_record_that_is_not_finite_is_a_failure(tmp_path, caplog):
    done = sweep(FAKE, FakeConfig(numbers=(1, 2), trouble="not finite"), CellStore(tmp_path))
    assert (done.computed, len(done.failed)) == (1, 1)
    assert "Out of range float values" in caplog.text


def faster_sweep(store, config, change, monkeypatch):
    """Compute cells that another sweep of the same store finishes first, with records a little changed."""
    monkeypatch.setattr(runner, "_pool", lambda *_: Slow(change, store))
    return sweep(FAKE, config, store)


class Slow(InProcess):
    def __init__(self, change, store):
        super().__init__()
        self.change, self.store = change, store

    def finished(self):
        (outcome,) = super().finished()
        config = FakeConfig().cells()[outcome.number]
        self.store.put("fake", config, outcome.record | self.change(outcome.record), outcome.provenance)
        return [outcome]


def test_the_rounding_of_a_slower_sweep_is_not_a_failure(tmp_path, monkeypatch, caplog):
    store, config = CellStore(tmp_path), FakeConfig(numbers=(0, 1))
    done = faster_sweep(store, config, lambda record: {"value": record["value"] + 1e-9}, monkeypatch)
    assert (done.there, done.computed, done.failed, done.left) == (2, 2, [], 0)
    assert store.get("fake", config.cells()[1]).record["value"] == 1 / 3 + 1e-9
    assert caplog.text.count("the record that is there stays; another one differs by 1e-09") == 2
    assert [entry.levelname for entry in caplog.records] == ["WARNING"] * 2


def test_a_slower_sweep_with_another_kind_of_record_loses_nothing(tmp_path, monkeypatch, caplog):
    store, config = CellStore(tmp_path), FakeConfig(numbers=(0,))
    done = faster_sweep(store, config, lambda _: {"text": "G", "more": 1}, monkeypatch)
    assert (done.there, done.failed) == (1, [])
    assert [entry.levelname for entry in caplog.records] == ["ERROR"]
    assert ".more is in ours only" in caplog.text
    assert ".text is 'G' in ours, 'Ḡ ≈ G' in theirs" in caplog.text
    path = store.path("fake", config.cells()[0])
    (beside,) = path.parent.glob(f"{path.name}.other-*")
    assert store.get("fake", config.cells()[0]).record["text"] == "G"
    assert json.loads(beside.read_text(encoding="utf-8"))["record"]["text"] == "Ḡ ≈ G"


def test_an_interrupted_sweep_keeps_what_is_finished(tmp_path):
    store = CellStore(tmp_path)
    config = FakeConfig(trouble="interrupts")
    with pytest.raises(KeyboardInterrupt):
        sweep(FAKE, config, store)
    assert [cell["number"] for cell in collect(FAKE, config, store).missing] == list(range(3, 12))


def test_a_damaged_cell_is_computed_again(tmp_path, caplog):
    store, config = CellStore(tmp_path), FakeConfig(numbers=(1, 2))
    sweep(FAKE, config, store)
    before = contents(tmp_path)
    path = store.path("fake", config.cells()[1])
    path.write_bytes(path.read_bytes()[:-20])
    cut = path.read_bytes()
    assert len(collect(FAKE, config, store).missing) == 1
    assert path.read_bytes() == cut  # looking changes nothing
    assert sweep(FAKE, config, store).computed == 1
    assert contents(tmp_path) == before
    assert "is cut short" in caplog.text
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == cut


# --- the time limit ---


def test_no_cell_begins_that_would_likely_end_too_late():
    now = 0.0
    deadline = runner._Deadline(10.0, now=lambda: now)
    assert not deadline.is_near()
    deadline.begin(1)
    now = 3.0
    deadline.end(1)
    assert not deadline.is_near()  # ends at 6
    now = 7.0
    assert not deadline.is_near()  # ends at 10, which is in time
    now = 7.1
    assert deadline.is_near()
    deadline = runner._Deadline(20.0, now=lambda: now)
    deadline.begin(2)
    now = 17.0
    assert not deadline.is_near()
    now = 17.2  # what is running has taken 10.1 seconds by now, and 9.9 are left
    assert deadline.is_near()
    assert not runner._Deadline(None).is_near()


def test_a_time_limit_leaves_the_rest_for_later(tmp_path, uninterrupted, monkeypatch):
    count_instead_of_time(monkeypatch)
    store, rounds = CellStore(tmp_path), 0
    while True:
        done = sweep(FAKE, LARGE, store, time_limit=5)
        rounds += 1
        assert done.failed == []
        if not done.left:
            break
        assert 0 < done.computed < 60
        assert done.left == len(collect(FAKE, LARGE, store).missing)
    assert rounds > 1
    assert contents(tmp_path) == uninterrupted


# --- processes, killed and not ---


def test_killed_sweeps_end_in_the_same_records(tmp_path, uninterrupted):
    process = fake_command("kill", tmp_path, 20, 1)
    codes, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    # 0 only if a sweep was through before its time, or did not get to the write that it was to die in.
    assert codes.split().count("-9") >= 15
    store = CellStore(tmp_path)
    drafts = list((tmp_path / "fake").glob(".*"))
    assert drafts  # those who died in a write
    sweep(FAKE, LARGE, store)
    assert contents(tmp_path) == uninterrupted
    assert not list((tmp_path / "fake").glob("*.damaged-*"))


@linux
def test_workers_end_with_a_killed_parent(tmp_path):
    # In the middle of a cell that takes long.
    process = fake_command("sweep", "fake", "--store", tmp_path, "--workers", 2, "--delay", 300)
    wait_until(lambda: len(list(tmp_path.glob("pids/*"))) == 2)
    workers = {int(path.name) for path in tmp_path.glob("pids/*")}
    assert all(map(alive, workers))
    # Not communicate: the workers hold the pipes too, and it would wait for them.
    with process:
        process.kill()
    wait_until(lambda: not any(map(alive, workers)))


@linux
def test_sigterm_ends_a_sweep_and_its_workers_and_keeps_what_is_finished(tmp_path):
    config = ("--store", tmp_path, "--workers", 2, "--numbers", "0-999", "--delay", 0.3)
    process = fake_command("sweep", "fake", *config)
    wait_until(lambda: len(contents(tmp_path)) >= 3)
    process.terminate()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    left = 1000 - len(contents(tmp_path))
    assert f"{left} cells are left, and the same command goes on\n" in errors
    assert "Traceback" not in errors
    assert "leaked" not in errors
    wait_until(lambda: not any(alive(int(path.name)) for path in tmp_path.glob("pids/*")))

    asked = FakeConfig(numbers=tuple(range(1000)), delay=0.3)
    store = CellStore(tmp_path)
    assert len(collect(FAKE, asked, store).missing) == left
    done = {cell.config["number"]: cell.record for cell in store.cells("fake")}
    alone = CellStore(tmp_path / "alone")
    sweep(FAKE, FakeConfig(numbers=tuple(done)), alone)
    assert {cell.config["number"]: cell.record for cell in alone.cells("fake")} == done


@linux
def test_ctrl_c_is_quiet_even_while_the_workers_start(tmp_path):
    process = fake_command("sweep", "fake", "--store", tmp_path, "--workers", 2, "--delay", 60)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    # The two, and the process that multiprocessing cleans up with.
    wait_until(lambda: len(children.read_text().split()) == 3)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGINT
    assert errors == (
        f"hmmlib: fake: 12 cells, 0 of them in {tmp_path}\n"
        f"hmmlib: stopped; what is finished is kept in {tmp_path}; 12 cells are left, and the same command "
        "goes on\n"
    )


def test_local_processes_give_the_same_records_and_outlive_a_dying_cell(tmp_path, uninterrupted, caplog):
    store = CellStore(tmp_path / "large")
    assert sweep(FAKE, LARGE, store, workers=2).computed == 60
    assert contents(store.folder) == uninterrupted
    assert str(os.getpid()) not in {path.name for path in (store.folder / "pids").iterdir()}
    done = sweep(FAKE, FakeConfig(numbers=(1, 2, 4), trouble="dies"), CellStore(tmp_path / "dies"), workers=2)
    assert (done.computed, [cell["number"] for cell in done.failed]) == (2, [1])
    assert "the process that computed it died, with exit code -9" in caplog.text


def test_a_worker_that_died_at_rest_is_replaced(tmp_path):
    cells = FakeConfig().cells()
    pool = LocalWorkers(1)
    try:
        for number in range(2):
            pool.submit(Job.of(FAKE, number, cells[number], Workplace("cpu", tmp_path)))
            (outcome,) = pool.finished()
            assert (outcome.number, outcome.record["number"], outcome.failure) == (number, number, None)
            (child,) = multiprocessing.active_children()
            child.kill()
            child.join()
        assert len(list((tmp_path / "pids").iterdir())) == 2
    finally:
        pool.close()
    assert multiprocessing.active_children() == []


# --- on a cluster ---


@contextmanager
def local_cluster(allowed_failures):
    dask = pytest.importorskip("dask", reason="the extra dev has it")
    distributed = pytest.importorskip("distributed", reason="the extra dev has it")
    settings = {
        "distributed.scheduler.allowed-failures": allowed_failures,
        "distributed.worker.memory.terminate": False,
        "distributed.logging.distributed": "critical",
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as found,
    ):
        yield found.scheduler_address


def test_a_cluster_gives_the_same_records_though_a_worker_is_killed(tmp_path, uninterrupted, caplog):
    with local_cluster(allowed_failures=1) as address:
        store = CellStore(tmp_path / "large")
        assert sweep(FAKE, LARGE, store, scheduler=address).computed == 60
        assert contents(store.folder) == uninterrupted
        assert str(os.getpid()) not in {path.name for path in (store.folder / "pids").iterdir()}

        config = FakeConfig(numbers=(1, 2, 3, 4, 5), trouble="dies once")
        killed = CellStore(tmp_path / "killed")
        assert sweep(FAKE, config, killed, scheduler=address).computed == 5
        assert (killed.folder / "died").exists()
        again = CellStore(tmp_path / "again")
        again.folder.mkdir()
        (again.folder / "died").touch()
        sweep(FAKE, config, again)
        assert contents(killed.folder) == contents(again.folder)

        # What is changed from outside travels with the cell.
        changed = ChangedConfig(FakeConfig(numbers=(1, 2)), {"recipe.steps": 9})
        other = CellStore(tmp_path / "changed")
        assert sweep(FAKE, changed, other, scheduler=address).computed == 2
        assert {cell.record["steps"] for cell in other.cells()} == {9}

        config = FakeConfig(numbers=(1, 2), trouble="fails")
        done = sweep(FAKE, config, CellStore(tmp_path / "fails"), scheduler=address)
        assert (done.computed, len(done.failed)) == (1, 1)
        assert "RuntimeError: 1 is odd" in caplog.text

        config = FakeConfig(numbers=(1,), trouble="dies")
        done = sweep(FAKE, config, CellStore(tmp_path / "dies"), scheduler=address)
        assert (done.computed, len(done.failed)) == (0, 1)
        assert "the cluster gave it up" in caplog.text


def test_a_scheduler_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="the extra dev has it")
    monkeypatch.setattr(dask, "CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(ValueError, match=f"scheduler: cannot reach '{address}'; expected an address"):
            sweep(FAKE, LARGE, CellStore(tmp_path), scheduler=address)


def test_without_dask_a_scheduler_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"scheduler: Dask is not installed; expected the extra `cluster`"):
        sweep(FAKE, LARGE, CellStore(tmp_path), scheduler="tcp://127.0.0.1:1")


# --- arguments ---


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"workers": 0}, ValueError, "workers: expected at least 1, got 0"),
        ({"workers": 1.5}, TypeError, "workers: expected an integer, got 1.5"),
        ({"time_limit": 0}, ValueError, "time_limit: expected a finite number > 0, got 0"),
        ({"time_limit": "9m"}, TypeError, "time_limit: expected a number > 0, got '9m'"),
        ({"workers": 2, "scheduler": "tcp://x"}, ValueError, "workers: the scheduler has .* got 2"),
        ({"device": "abacus"}, ValueError, r"device: fake is computed on \('cpu', 'cuda'\), got 'abacus'"),
        ({"device": "cuda:99"}, ValueError, "device: cannot use 'cuda:99'"),
    ],
)
def test_arguments_are_checked(tmp_path, arguments, error, message):
    if arguments.get("device") == "cuda:99" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(error, match=message):
        sweep(FAKE, LARGE, CellStore(tmp_path), **arguments)
    assert not list(tmp_path.iterdir())


def test_bars_are_for_terminals(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert progress_options() == {}
    monkeypatch.setenv("CI", "true")
    assert progress_options() == {"disable": True}
    monkeypatch.delenv("CI")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert progress_options() == {"disable": True}


# --- tables and files of results ---


def test_results_need_at_least_one_cell(tmp_path):
    with pytest.raises(ValueError, match="config: no cells are left of fake; expected at least one"):
        collect(FAKE, FakeConfig(seeds=()), CellStore(tmp_path))


def test_options_are_the_fields_made_for_the_command_line():
    assert list(options(FakeConfig())) == ["numbers", "seeds", "delay", "trouble", "rates", "sizes"]
    assert options(FakeConfig())["trouble"] == "what goes wrong"


def test_what_is_asked_for_is_worked_out_once(tmp_path, monkeypatch):
    calls, cells = [], FakeConfig.cells
    monkeypatch.setattr(FakeConfig, "cells", lambda self: calls.append("cells") or cells(self))
    get = CellStore.get
    monkeypatch.setattr(CellStore, "get", lambda *arguments: calls.append("get") or get(*arguments))
    config, store = FakeConfig(numbers=(1, 2, 3)), CellStore(tmp_path)
    sweep(FAKE, config, store)
    assert calls == ["cells", "get", "get", "get"]
    calls.clear()
    results = collect(FAKE, config, store)
    assert (results.missing, len(results.table()), len(results.export()["cells"])) == ([], 2, 3)
    assert calls == ["cells", "get", "get", "get"]


def test_parts_of_a_result_go_together_again():
    result = {"a": 1, "b": {"c": 2, "d": {"e": 3, "f": 4}}, "g": 5}
    record, taken = split(result, (("g",), ("b", "d", "f"), ("b", "x"), ("y", "z")))
    assert record == {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
    assert taken == {"g": 5, "b": {"d": {"f": 4}}}
    assert joined(record, taken) == result
    assert record["b"]["d"] == {"e": 3}


def test_a_table_says_what_is_there_and_what_is_missing(tmp_path):
    store = CellStore(tmp_path)
    sweep(FAKE, FakeConfig(numbers=(3, 4, 5), seeds=(1,)), store)
    assert collect(FAKE, FakeConfig(numbers=(3, 4, 5, 6), seeds=(1, 2)), store).table() == [
        ["seed", "cells", "value", "none"],
        ["1", "3/4", "1.333", "–"],
        ["2", "0/4", "–", "–"],
    ]


def test_an_export_has_all_cells_in_order_and_says_where_they_were_computed(tmp_path):
    store, config = CellStore(tmp_path), FakeConfig(numbers=(3, 1, 2))
    sweep(FAKE, FakeConfig(numbers=(1, 3)), store)
    with pytest.raises(ValueError, match="fake: 1 of 3 cells are missing"):
        collect(FAKE, config, store).export()
    elsewhere = {
        "date": "2020-01-01T00:00:00+00:00",
        "machine": {"cpu": "another"},
        "versions": {},
        "git": None,
    }
    elsewhere |= {"device": "cuda", "wall_seconds": 2.0, "of_the_run": {"seconds": 1.5}}
    store.put("fake", config.cells()[2], {"number": 2, "value": 2 / 3}, elsewhere)
    result = collect(FAKE, config, store).export()
    assert result["config"] == json.loads(json.dumps(config.asked()))
    assert [cell["number"] for cell in result["cells"]] == [3, 1, 2]
    assert result["cells"][2] == {"number": 2, "value": 2 / 3, "seconds": 1.5}
    assert set(result["cells"][0]["history"]) == {"step", "seconds"}
    run = result["provenance"]
    assert (run["cells"], run["device"], run["versions"]["torch"]) == (2, "cpu", torch.__version__)
    assert run["cpu_seconds"] >= 0
    (other,) = run["went_on_from"]
    # That cell is from a time when CPU seconds were not measured.
    assert (other["cells"], other["wall_seconds"], other["cpu_seconds"]) == (1, 2.0, None)


def test_cpu_seconds_are_those_of_the_computing_process(tmp_path, monkeypatch):
    clock = itertools.count(100, 1.25)
    monkeypatch.setattr(workers.time, "process_time", lambda: next(clock))
    store, config = CellStore(tmp_path), FakeConfig(numbers=(1, 2))
    sweep(FAKE, config, store)
    assert [cell.provenance["cpu_seconds"] for cell in store.cells()] == [1.25, 1.25]
    assert collect(FAKE, config, store).export()["provenance"]["cpu_seconds"] == 2.5


# --- the real experiments ---


def test_a_stored_cell_of_each_experiment_comes_out_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "TEST_TEXTS", 32)
    small = pretraining.PretrainingConfig("smoke", n_states=(4,), n_values=(), seeds=(1,), measure_every=30)
    exact = ExactPromptsConfig(
        n_states=(4,), seeds=(1,), sizes=(60, 2, 30), length=8, restarts=1, path=(1e-4,)
    )
    for experiment, config in ((pretraining.EXPERIMENT, small), (exact_prompts.EXPERIMENT, exact)):
        once, again = CellStore(tmp_path / "once"), CellStore(tmp_path / "again")
        assert sweep(experiment, config, once).computed == 1
        assert sweep(experiment, config, again).computed == 1
        assert contents(once.folder) == contents(again.folder)
        results = collect(experiment, config, once)
        export = results.export()
        assert {"config", "provenance", "cells"} <= set(export)
        header, row = results.table()
        assert len(header) == len(row)
        assert row[len(experiment.groups)] == "1/1"
        # In the layout that the book's pages read.
        committed = json.loads((ROOT / "book" / "results" / FILES[experiment.name]).read_text())
        assert committed.keys() <= export.keys()
        if Path(FILES[experiment.name]).stem not in AWAITED:
            assert export["config"].keys() == committed["config"].keys()
        assert export["cells"][0].keys() == committed["cells"][0].keys()
        if experiment.name == "pretraining":
            (cell,) = export["cells"]
            assert len(cell["history"]["seconds"]) == len(cell["history"]["step"]) == 3
            assert (cell["device"], cell["seconds"] > 0) == ("cpu", True)


def test_exact_prompts_are_computed_on_the_cpu_only(tmp_path):
    with pytest.raises(ValueError, match=r"device: exact-prompts is computed on \('cpu',\), got 'cuda'"):
        sweep(exact_prompts.EXPERIMENT, ExactPromptsConfig(), CellStore(tmp_path), device="cuda")
