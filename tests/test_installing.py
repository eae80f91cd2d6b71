"""``make setup`` with tiny packages: which settings of pip count, which PyTorch comes, what is said."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_wheels import write_wheel

from install_packages import has_nvidia_driver, pin, unsupported
from install_progress import LARGE_MB, QUIET_SECONDS, Progress, run
from pip_settings import pip_environment, uv_environment

ROOT = Path(__file__).resolve().parents[1]

# hmmlib's build, as hatchling leaves it: a file that names the folder.
BACKEND = """
from pathlib import Path
from small_wheels import write_wheel

def build_editable(folder, *_):
    return write_wheel(Path(folder), "hmmlib", "0.0", {"_hmmlib.pth": f"{Path.cwd()}\\n"}).name
"""
# Where uv finds PyTorch's builds for CPUs is a folder here, or it is out of reach.
UV = """#!/bin/sh
test -d "$BUILDS" || { echo "error: Request failed"; echo "  cause: no route to host"; exit 2; }
for word; do requirement=$word; done
exec "$(dirname "$0")/python" -m pip install -q --no-index --find-links "$BUILDS" --no-deps "$requirement"
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the small book, and one in it with PyTorch's build for CPUs."""
    wheels = tmp_path_factory.mktemp("wheels")
    (wheels / "cpu" / "torch").mkdir(parents=True)
    write_wheel(wheels, "torch", "1.0", {"torch.py": "usual = True\n"})
    write_wheel(wheels / "cpu" / "torch", "torch", "1.0+cpu", {"torch.py": "usual = False\n"})
    write_wheel(wheels, "uv", "0.1", {"uv-0.1.data/scripts/uv": UV})
    write_wheel(wheels, "jupyter", "1.0", {"jupyter.py": "import sys; print(*sys.argv[1:3])\n"})
    return wheels


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> tuple[Path, str]:
    """A small book whose environment make has made, against a reader's settings; and what make said."""
    other = tmp_path_factory.mktemp("other")
    tree = other / "ein Büchlein"
    shutil.copytree(ROOT / "book" / "tools", tree / "book" / "tools", ignore=shutil.ignore_patterns("__py*"))
    shutil.copy(ROOT / "Makefile", tree)
    shutil.copy(ROOT / "tests" / "small_wheels.py", tree)
    (tree / "backend.py").write_text(BACKEND, encoding="utf-8")
    (tree / "hmmlib.py").write_text("here = True\n", encoding="utf-8")
    (tree / "requirements.txt").write_text("torch==1.0  # it\nuv==0.1\njupyter==1.0\n", encoding="utf-8")
    (tree / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "hmmlib"\nversion = "0.0"\n',
        encoding="utf-8",
    )
    (other / ".config" / "pip").mkdir(parents=True)
    (other / ".config" / "pip" / "pip.conf").write_text(
        f"[global]\nuser = true\nquiet = 3\nrequire-hashes = true\nfind-links = {wheels}\n"
        f"[install]\ntarget = {other / 'target'}\nno-index = true\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["make", "setup", f"PYTHON={sys.executable}", "TORCH=cpu"],
        cwd=tree,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(other),
            "LC_ALL": "C",
            "BUILDS": str(wheels / "cpu" / "torch"),
            "PIP_NO_BINARY": ":all:",
            "PIP_PREFIX": str(other / "prefix"),
            "PIP_REQUIREMENT": str(other / "none.txt"),
            "PIP_USER": "1",
            "PYTHONHOME": str(other),
            "PYTHONPATH": str(wheels),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert not [name for name in (".local", "prefix", "target") if (other / name).exists()]
    return tree, done.stdout


def in_environment(tree: Path, *words: str, **variables: str) -> str:
    done = subprocess.run(
        [tree / ".venv" / "bin" / "python", *words],
        cwd=tree.parent,
        env={"PATH": os.environ["PATH"], "HOME": "/dev/null/none", "LC_ALL": "C"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return f"{done.returncode}\n{done.stdout}"


@pytest.fixture
def install(setup: tuple[Path, str], wheels: Path) -> Callable[..., tuple[str, str]]:
    """Install again without PyTorch there; what was said, and whether it is the usual build now."""
    tree, _ = setup
    in_environment(tree, "-m", "pip", "uninstall", "-qy", "torch")

    def install(*words: str, builds: Path) -> tuple[str, str]:
        # The usual index has nothing; the others are beside it.
        index = {"PIP_INDEX_URL": (wheels / "none").as_uri(), "PIP_FIND_LINKS": str(wheels)}
        tool = str(tree / "book" / "tools" / "install_packages.py")
        said = in_environment(tree, tool, *words, **index, BUILDS=str(builds))
        return said, in_environment(tree, "-c", "import torch; print(torch.usual)").splitlines()[-1]

    return install


def test_packages_go_into_the_environment_whatever_pip_is_told_elsewhere(setup):
    tree, said = setup
    assert [line.partition(" (")[0] for line in said.splitlines() if line.startswith("==>")] == [
        f"==> Environment: {tree}/.venv, from {sys.executable}",
        "==> Installing PyTorch for CPUs",
        "==> Installing the pinned packages",
    ]
    assert said.endswith(f"labextension disable\nThe environment is ready: {tree}/.venv\n")
    assert in_environment(tree, "-c", "import torch; print(torch.usual)") == "0\nFalse\n"


def test_python_finds_hmmlib_in_a_folder_that_the_locale_cannot_spell(setup):
    tree, _ = setup
    assert in_environment(tree, "-c", "import hmmlib; print(hmmlib.here)") == "0\nTrue\n"


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere the usual build has no GPU libraries"
)
@pytest.mark.skipif(has_nvidia_driver(), reason="the usual build is the right one here")
@pytest.mark.parametrize("reached", [True, False])
def test_without_a_driver_the_build_for_cpus_is_tried_first(install, wheels, tmp_path, reached):
    said, usual = install(builds=wheels / "cpu" / "torch" if reached else tmp_path / "none")
    assert said.startswith("0\n==> Installing PyTorch for CPUs (no NVIDIA driver here; TORCH=default takes")
    assert usual == str(not reached)
    assert ("cannot be reached (no route to host): the usual one is taken" in said) == (not reached)


def test_who_asks_for_the_usual_build_gets_it(install, wheels):
    said, usual = install("--torch", "default", builds=wheels / "cpu" / "torch")
    assert (said.partition(" (")[0], usual) == ("0\n==> Installing the pinned packages", "True")


def test_who_asks_for_the_build_for_cpus_gets_no_other(install, tmp_path):
    said, usual = install("--torch", "cpu", builds=tmp_path / "none")
    assert said.startswith("1\n")
    assert (
        "no route to host\nPyTorch's build for CPUs cannot be had; TORCH=default takes the usual one\n"
        in said
    )
    assert "ModuleNotFoundError" in usual


def test_an_index_to_take_pytorch_from_comes_first(install, wheels, tmp_path):
    (wheels / "cpu" / "torch" / "index.html").write_text('<a href="torch-1.0+cpu-py3-none-any.whl">it</a>')
    said, usual = install("--torch-index-url", (wheels / "cpu").as_uri(), builds=tmp_path / "none")
    assert said.startswith(f"0\n==> Installing PyTorch from {(wheels / 'cpu').as_uri()}\n")
    assert usual == "False"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uv is pinned for Linux")
def test_uv_has_what_it_is_asked_for():
    # Without a network it cannot find the build; it must not stumble over the options.
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("this environment was not made by make")
    words = ["--no-config", "--no-cache", "--no-deps", "--torch-backend", "cpu", "no-such-package==1.0"]
    done = subprocess.run(
        [uv, "pip", "install", "--python", sys.executable, *words],
        env={"PATH": os.environ["PATH"], "UV_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no-such-package was not found" in done.stderr


def test_a_driver_is_seen_by_what_it_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not has_nvidia_driver(tmp_path)
    (tmp_path / "proc" / "driver" / "nvidia").mkdir(parents=True)
    (tmp_path / "proc" / "driver" / "nvidia" / "version").touch()
    assert has_nvidia_driver(tmp_path)


@pytest.mark.parametrize(
    ("system", "machine", "said"),
    [
        ("Darwin", "x86_64", "Intel Macs"),
        ("Darwin", "arm64", ""),
        ("Linux", "x86_64", ""),
        ("Linux", "aarch64", ""),
        ("Windows", "AMD64", "WSL"),
    ],
)
def test_where_pytorch_has_no_builds_is_said(system: str, machine: str, said: str):
    reason = unsupported(system, machine)
    assert said in reason
    assert bool(said) == bool(reason)


def test_a_pin_is_read_without_marker_and_comment(tmp_path: Path):
    file = tmp_path / "requirements.txt"
    file.write_text('uv==1.2.3; sys_platform == "linux"  # this\ntorch-x==9\ntorch==2.0  # that\n')
    assert (pin("uv", file), pin("torch", file)) == ("uv==1.2.3", "torch==2.0")
    with pytest.raises(ValueError, match=r"no line numpy==… in .*requirements\.txt"):
        pin("numpy", file)


# --- settings ---


def test_of_pips_settings_those_count_that_say_how_to_reach_packages():
    settings = [
        ("global.index-url", "https://a.example"),
        ("global.user", "true"),
        ("global.extra-index-url", "https://b.example\n  https://c.example"),
        ("install.index-url", "https://d.example"),
        ("install.target", "/x"),
        ("download.cert", "/other.pem"),
        (":env:.cert", "/mine.pem"),
        ("global.proxy", "http://proxy.example:1"),
    ]
    environment = {"PATH": "/bin", "PIP_CERT": "/mine.pem", "PIP_TARGET": "/y", "UV_TARGET": "/z"}
    seen = pip_environment(environment, settings)
    assert seen == {
        "PATH": "/bin",
        "UV_TARGET": "/z",
        "PIP_INDEX_URL": "https://d.example",
        "PIP_EXTRA_INDEX_URL": "https://b.example https://c.example",
        "PIP_CERT": "/mine.pem",
        "PIP_PROXY": "http://proxy.example:1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    uv = uv_environment(seen | {"UV_NATIVE_TLS": "1", "UV_HTTP_TIMEOUT": "99"})
    assert (uv["ALL_PROXY"], uv["SSL_CERT_FILE"], uv["UV_NATIVE_TLS"]) == (
        "http://proxy.example:1",
        "/mine.pem",
        "1",
    )
    assert "UV_TARGET" not in uv
    assert uv["UV_HTTP_TIMEOUT"] == "99"


# --- what is shown meanwhile ---

LINES = (
    "Collecting numpy==2.0 (from -r requirements.txt (line 6))",
    "  Downloading numpy-2.0-cp311-cp311-linux.whl.metadata (6.6 kB)",
    "Collecting torch==2.0",
    "  Downloading torch-2.0-cp311-cp311-linux.whl (1.2 GB)",
    "Installing collected packages: torch, numpy",
)


def shown(alive: bool, seconds: float) -> str:
    now = [0.0]
    stream = io.StringIO()
    progress = Progress(stream, alive, lambda: now[0])
    for line in LINES:
        progress.line(line)
        now[0] += seconds
    progress.end()
    return stream.getvalue()


def test_a_log_names_the_large_downloads_only():
    assert LARGE_MB > 1
    assert shown(False, 1) == "      3 s: downloading torch-2.0 (1.2 GB)\n      4 s: writing 2 packages\n"


def test_a_log_never_stands_still_for_long():
    said = shown(False, QUIET_SECONDS).splitlines()
    assert said[0] == "     30 s: package 1, downloading numpy-2.0 (6.6 kB)"
    assert len(said) == len(LINES) - 1


def test_a_terminal_shows_each_step_on_one_line():
    said = shown(True, 1)
    assert "\n" not in said
    steps = [step.removeprefix("\x1b[K") for step in said.split("\r")]
    assert steps[1] == "      0 s: package 1, numpy==2.0"
    assert steps[-2:] == ["      4 s: writing 2 packages", ""]


def test_time_goes_on_while_a_command_says_nothing(tmp_path: Path):
    stream = io.StringIO()
    wait = "import sys, time; print('Collecting it', flush=True); time.sleep(2.5); sys.exit(int(sys.argv[1]))"
    log = tmp_path / "log"
    assert run([sys.executable, "-c", wait, "0"], os.environ, log, Progress(stream, True)) == []
    assert len(set(stream.getvalue().split("\r"))) >= 4
    assert run([sys.executable, "-c", "print(1); exit(3)"], os.environ, log, Progress(stream)) == ["1"]
    assert run([sys.executable, "-c", "exit(3)"], os.environ, log, Progress(stream)) == ["exit status 3"]
    assert "No such file" in run([str(tmp_path / "none")], os.environ, log, Progress(stream))[0]
    assert log.read_text() == "Collecting it\n1\n"
