"""Servers as children of this process: started on the loopback, awaited, ended by id whatever happens to us."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

STOPPED_WITHIN_SECONDS = 6.0  #: nothing that a server still holds is needed


def free_port() -> int:
    """Give a port of the loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port of the loopback."""
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) != 0


class Server:
    """One running server process and its log."""

    def __init__(
        self, command: Sequence[str], log: Path, *, folder: Path, env: Mapping[str, str], user: str = "",
        stop_by: signal.Signals = signal.SIGTERM,
    ) -> None:  # fmt: skip
        self.log = log
        self._stop_by = stop_by
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*_tied(user, stop_by), *command],
                cwd=folder, env=dict(env), stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def await_answer(self, answers: Callable[[], bool], *, seconds: float) -> None:
        """Wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; the message holds the end of its log.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.log.name}: it ended\n{self.tail()}")
            if answers():
                return
            time.sleep(0.2)
        raise RuntimeError(f"{self.log.name}: no answer within {seconds:.0f} s\n{self.tail()}")

    def tail(self) -> str:
        """Give the end of the log."""
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(self._stop_by)
            try:
                self.process.wait(STOPPED_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _tied(user: str, stop_by: signal.Signals) -> list[str]:
    """Tie a child's life to ours where the system can do that, so that even a killed test run leaves no server."""
    program = shutil.which("setpriv")
    as_user = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user and os.geteuid() == 0 else []
    return [program, *as_user, "--pdeathsig", stop_by.name.removeprefix("SIG")] if program else []
