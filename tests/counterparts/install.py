"""Installs both systems into the cache, once for each list of what to install; half an installation is begun anew."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.counterparts.places import HERE, cache, digest

MEDUSA, TRYTON = HERE / "medusa", HERE / "tryton"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Installed:
    """Where the programs of both systems are."""

    medusa: Path  #: the folder of the application, with its node_modules
    tryton: Path  #: the folder of the virtual environment


def install(say: Say) -> Installed:
    """Make sure that both are installed and give where."""
    with locked(cache() / "install.lock"):
        return Installed(_medusa(say), _tryton(say))


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let one process at a time make what is kept."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _medusa(say: Say) -> Path:
    """Install by `npm install`; the application's own files are copied anew each time."""
    app = cache() / f"medusa-{digest([MEDUSA / 'package.json'])}"
    app.mkdir(parents=True, exist_ok=True)
    shutil.copytree(MEDUSA, app, dirs_exist_ok=True)
    done = app / "installed"
    if not done.exists():
        say("npm install: some 700 MB, a few minutes the first time")
        run([shutil.which("npm") or "npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], app)
        done.touch()
    return app


def _tryton(say: Say) -> Path:
    """Install by pip into a virtual environment of its own."""
    wanted = TRYTON / "requirements.txt"
    environment = cache() / f"tryton-{digest([wanted], sys.version.split()[0])}"
    done = environment / "installed"
    if not done.exists():
        say("pip install: Tryton and its modules, about a minute the first time")
        run([sys.executable, "-m", "venv", "--clear", str(environment)], cache())
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        run([*pip, "-r", str(wanted)], cache())
        done.touch()
    return environment


def run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Run to the end; one that fails raises with what it printed."""
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
