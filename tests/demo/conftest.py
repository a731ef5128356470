"""One running demo, started once by the documented command, for every test that looks at it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.processes import free_port
from app.progress import read_json, read_progress

READY_WITHIN_SECONDS = 420


@dataclass(frozen=True)
class RunningDemo:
    """Where the demo serves and what its processes were told."""

    url: str
    home: Path
    env: dict[str, str]

    @property
    def sandbox(self) -> str:
        """Give the address of its sandbox."""
        found = read_json(self.home / "workspaces" / "demo" / "sandbox.json")
        assert found is not None
        return str(found["url"])

    def fillwell(self, *arguments: str) -> str:
        """Run the program on it and give what it printed."""
        command = [sys.executable, "-m", "app", *arguments]
        return subprocess.run(command, env=self.env, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def running_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """`fillwell start` in an empty home, until its first figures are there; a Ctrl-C ends it."""
    home = tmp_path_factory.mktemp("home")
    port = free_port()
    env = {**os.environ, "FILLWELL_HOME": str(home), "PORT": str(port), "FILLWELL_ENGINE_PORT": str(free_port())}
    log = (home / "start.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "start"], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
    )
    try:
        _await_ready(home, process)
        yield RunningDemo(f"http://127.0.0.1:{port}", home, env)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, (home / "start.log").read_text()
        log.close()


def _await_ready(home: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, (home / "start.log").read_text()
        progress = read_progress(home / "workspaces" / "demo")
        if progress is not None and progress.ready:
            return
        time.sleep(0.5)
    pytest.fail(f"the demo was not ready in time:\n{(home / 'start.log').read_text()}")
