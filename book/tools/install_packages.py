"""Install the pinned packages and hmmlib into the environment that runs this; needs nothing but pip.

Run by ``make setup``. PyTorch comes first, so that it can be the build without GPU libraries: on Linux the
usual build brings gigabytes of them, which are of no use without an NVIDIA driver.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from install_progress import Progress, run
from pip_settings import configured, pip_environment, uv_environment

ROOT = Path(__file__).resolve().parents[2]
PIP = (sys.executable, "-m", "pip", "install", "--progress-bar", "off")
DRIVERS = (
    "proc/driver/nvidia/version",
    "sys/module/nvidia/version",
    "dev/nvidiactl",
    "usr/lib/wsl/lib/nvidia-smi",
)


def pin(name: str, requirements: Path) -> str:
    """Read the pinned version of a package.

    Args:
        name: The package.
        requirements: The file ``requirements.txt``.

    Returns:
        The requirement, such as ``torch==2.13.0``, without its marker.

    Raises:
        ValueError: If it is not pinned there.
    """
    found = re.search(rf"^{re.escape(name)}==[^\s;]+", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise ValueError(f"there is no line {name}==… in {requirements}")
    return found[0]


def has_nvidia_driver(root: Path = Path("/")) -> bool:
    """Find out whether this machine has a driver that PyTorch's usual build for Linux could use."""
    return any((root / name).exists() for name in DRIVERS) or shutil.which("nvidia-smi") is not None


def unsupported(system: str, machine: str) -> str:
    """Say why PyTorch cannot be installed, where it cannot.

    Args:
        system: As in ``platform.system()``.
        machine: As in ``platform.machine()``, of the Python that runs.

    Returns:
        The reason, or the empty string.
    """
    if system == "Darwin" and machine == "x86_64":
        return (
            "This Python is one for Intel Macs, for which PyTorch has no builds any more. On a Mac with "
            "Apple silicon install a Python for it and say which: make book PYTHON=/path/to/python3. "
            "On an Intel Mac use Linux, for example in a container."
        )
    if system == "Windows":
        return "On Windows the book is made in WSL, the Linux that Windows brings: wsl --install"
    return ""


class Installation:
    """The steps, each of which ends the program if it fails."""

    def __init__(self, root: Path) -> None:
        """Start a log, and read pip's settings.

        Args:
            root: Folder with ``requirements.txt`` and ``pyproject.toml``.
        """
        self.root, self.requirements = root, root / "requirements.txt"
        self.log = Path(sys.prefix) / "var" / "install.log"
        self.log.parent.mkdir(exist_ok=True)
        self.log.write_text("", encoding="utf-8")
        self.environment = pip_environment(os.environ, configured())

    def pip(self, *arguments: str) -> None:
        """Run ``pip install`` with these arguments."""
        if failure := self._pip(*arguments):
            sys.exit("\n".join([*failure, f"pip failed; all that it said is in {self.log}"]))

    def _pip(self, *arguments: str) -> list[str]:
        return run([*PIP, *arguments], self.environment, self.log, Progress(sys.stdout))

    def torch(self, wanted: str, index: str) -> None:
        """Install PyTorch, unless its usual build will do, which comes with the others.

        Args:
            wanted: ``cpu``, ``default``, or ``auto`` for the first on Linux without an NVIDIA driver.
            index: Address of a package index to take it from, or the empty string.
        """
        requirement = pin("torch", self.requirements)
        if _installed("torch") == requirement.partition("==")[2] or (wanted == "default" and not index):
            return
        if index:
            print(f"==> Installing PyTorch from {index}", flush=True)
            self.pip("--no-deps", "--index-url", index, requirement)
        elif wanted == "cpu" or (platform.system() == "Linux" and not has_nvidia_driver()):
            why = "" if wanted == "cpu" else " (no NVIDIA driver here; TORCH=default takes the usual build)"
            print(f"==> Installing PyTorch for CPUs{why}", flush=True)
            if failure := self._torch_for_cpus(requirement):
                if wanted == "cpu":
                    sys.exit(
                        "\n".join(
                            [
                                *failure,
                                "PyTorch's build for CPUs cannot be had; TORCH=default takes the usual one",
                            ]
                        )
                    )
                print(
                    f"    its builds for CPUs cannot be reached ({_reason(failure)}): the usual one is "
                    "taken, which may bring gigabytes of GPU libraries",
                    flush=True,
                )

    def _torch_for_cpus(self, requirement: str) -> list[str]:
        """Have uv, which knows where these builds are, install one; its last lines if it fails."""
        uv = Path(sysconfig.get_path("scripts")) / "uv"
        command = [
            str(uv),
            "pip",
            "install",
            "--python",
            sys.executable,
            "--no-config",
            "--no-cache",
            "--no-deps",
        ]
        command += ["--torch-backend", "cpu", requirement]
        return self._pip(pin("uv", self.requirements)) or run(
            command, uv_environment(self.environment), self.log, Progress(sys.stdout)
        )

    def packages(self) -> None:
        """Install the pinned packages, and hmmlib so that changes in this folder count at once."""
        print("==> Installing the pinned packages (the first time takes a minute or more)", flush=True)
        self.pip("-r", str(self.requirements))
        self.hmmlib()
        check = [sys.executable, "-m", "pip", "check"]
        if failure := run(check, self.environment, self.log, Progress(sys.stdout)):
            sys.exit("\n".join(failure))

    def hmmlib(self) -> None:
        """Install hmmlib itself."""
        self.pip("--no-deps", "--no-build-isolation", "--editable", str(self.root))
        # Python before 3.13 reads this file in the encoding of the locale, and does not start if it has
        # another letter. The path from there to here has dots only.
        packages = Path(sysconfig.get_path("purelib")).resolve()
        for file in packages.glob("*hmmlib.pth"):
            file.write_text(os.path.relpath(self.root, packages) + "\n", encoding="ascii")

    def extra(self, name: str) -> None:
        """Install the packages of an extra of hmmlib's."""
        print("==> Installing the libraries that hmmlib is measured against", flush=True)
        self.pip(
            "--no-build-isolation",
            "--editable",
            f"{self.root}[{name}]",
            "--constraint",
            str(self.requirements),
        )
        self.hmmlib()


def _reason(lines: list[str]) -> str:
    return lines[-1].strip().removeprefix("cause: ")


def _installed(package: str) -> str | None:
    """The version that is installed, without what tells builds apart."""
    try:
        return importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--torch", choices=("auto", "cpu", "default"), default="auto", help="which build")
    parser.add_argument("--torch-index-url", default="", help="package index to take it from instead")
    parser.add_argument(
        "--extra", help="install only this extra of hmmlib, into an environment that is there"
    )
    asked = parser.parse_args()
    if reason := unsupported(platform.system(), platform.machine()):
        sys.exit(reason)
    installation = Installation(ROOT)
    if asked.extra:
        installation.extra(asked.extra)
        return
    installation.torch(asked.torch, asked.torch_index_url)
    installation.packages()
    # JupyterLab asks whether it may fetch news from another host, unless this part of it is off.
    news = "@jupyterlab/apputils-extension:announcements"
    subprocess.run(
        [sys.executable, "-m", "jupyter", "labextension", "disable", "--log-level", "ERROR", news], check=True
    )


if __name__ == "__main__":
    main()
