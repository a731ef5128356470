"""The tutorial of two systems, run as it is written: two terminals that serve, one in which the reader types."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.counterparts.places import missing
from tests.counterparts.processes import free_port
from tests.docs.following import ROOT, blocks

PAGE = ROOT / "docs" / "tutorial" / "connect-two-systems.md"
PRACTICE = ROOT / "practice"
APART = "in a terminal of its own"
ENDED_WITHIN_SECONDS = 60
PATIENCE_SECONDS = 1_500  #: both systems may have to be installed first


@contextmanager
def terminal(script: str, log: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run commands in a window of its own; what still serves at the end is interrupted."""
    with log.open("wb") as out:
        begun = subprocess.Popen(
            ["bash", "-euxc", script], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield begun
    finally:
        if begun.poll() is None:
            os.killpg(begun.pid, signal.SIGTERM)
            begun.wait(ENDED_WITHIN_SECONDS)


def script(folder: Path) -> tuple[str, list[str]]:
    """Join what the reader types in one terminal; where another one is opened it waits until that was done.

    Gives the script and what is run in the other terminals, in order: the n-th is wanted when `wanted-n` exists.
    """
    typed: list[str] = []
    apart: list[str] = []
    for block in blocks(PAGE):
        if block.language == "sh" and block.path == APART:
            opened = folder / f"opened-{len(apart)}"
            typed.append(f"touch {folder}/wanted-{len(apart)}; until [ -f {opened} ]; do sleep 0.1; done\n")
            apart.append(block.text)
        elif block.language == "sh":
            typed.append(block.text)
    return "".join(typed), apart


def test_from_nothing_to_a_corrected_exception_between_two_real_systems(tmp_path: Path) -> None:
    if lacks := missing():
        pytest.skip(lacks)
    assert not PRACTICE.exists(), "somebody practises here: end that and remove the folder practice/"
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PORT": str(free_port())}
    typed, apart = script(tmp_path)
    log = tmp_path / "typed.log"
    try:
        with ExitStack() as windows:
            reader = windows.enter_context(terminal(typed, log, env))
            deadline = time.monotonic() + PATIENCE_SECONDS
            while reader.poll() is None and time.monotonic() < deadline:
                if apart and (wanted := next(tmp_path.glob("wanted-*"), None)):
                    number = wanted.name.removeprefix("wanted-")
                    windows.enter_context(terminal(apart.pop(0), tmp_path / f"apart-{number}.log", env))
                    wanted.unlink()
                    (tmp_path / f"opened-{number}").touch()
                time.sleep(0.1)
            ended = reader.poll()
        logs = "\n".join(f"== {file.name}\n{file.read_text()[-4000:]}" for file in sorted(tmp_path.glob("*.log")))
        assert ended == 0, logs
    finally:
        shutil.rmtree(PRACTICE, ignore_errors=True)
    said = log.read_text()
    assert said.count("canary came home") == 2
    assert "verified" in said
    assert said.count('"state":"cancelled"') == 1  # Tryton's own word: one of the two documents, and only that
    assert "rows fit their chain" in said
