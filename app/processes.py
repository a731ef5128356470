"""The supervisor: starts the processes of one command, keeps them running, ends them together."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from data.errors import ConfigError, FillwellError

#: A process that ends this often within WINDOW_SECONDS is broken: starting it again would only loop.
MOST_STARTS, WINDOW_SECONDS = 5, 60.0
GRACE_SECONDS = 8.0


@dataclass
class Child:
    """One process: what it runs and how it has fared."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    replaceable: bool = True  #: whether another one can take its place: what it alone knew would be gone
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start it, its output going to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.starts.append(time.monotonic())
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(  # noqa: S603 -- our own modules, no shell
                self.command,
                env=dict(self.env),
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C reaches the supervisor alone, which ends the others in order
            )

    @property
    def ended(self) -> bool:
        """Tell whether it was started and has ended."""
        return self.process is not None and self.process.poll() is not None

    @property
    def hopeless(self) -> bool:
        """Tell whether it ends as fast as it is started."""
        recent = [at for at in self.starts if time.monotonic() - at < WINDOW_SECONDS]
        return len(recent) >= MOST_STARTS


def module(name: str, *arguments: str) -> list[str]:
    """Give the command that runs one of our modules with this Python, whatever the working folder holds."""
    return [sys.executable, "-P", "-m", name, *arguments]


def supervise(children: Sequence[Child], *, on_start: Callable[[], None], on_beat: Callable[[], None]) -> None:
    """Run until interrupted: start every child, start again what ends and can be, and end all of them at the end.

    Raises:
        FillwellError: a child cannot be kept running; the message names its log.
    """
    with stoppable() as stopping:
        try:
            for child in children:
                child.start()
            on_start()
            while not stopping():
                for child in children:
                    _revive(child)
                on_beat()
                time.sleep(0.3)
        finally:
            stop(children)


def _revive(child: Child) -> None:
    if not child.ended or not child.replaceable:
        return
    if child.hopeless:
        tail = child.log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        raise FillwellError(
            f"the {child.name} process cannot be kept running; its last words: {tail[0]} (all of them: {child.log})"
        )
    child.start()


def stop(children: Sequence[Child]) -> None:
    """Ask every child to end, last started first, and insist after a grace."""
    running = [c.process for c in reversed(children) if c.process is not None and c.process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class stoppable:  # noqa: N801 -- reads as a clause: `with stoppable() as stopping`
    """Turn SIGINT and SIGTERM into a flag for the length of a block."""

    def __init__(self) -> None:
        self._stop = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Callable[[], bool]:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return lambda: self._stop

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True


def hold(lock: Path, refusal: str) -> sqlite3.Connection:
    """Take a lock that no other process has, until it is closed or this process ends, however it ends.

    Raises:
        ConfigError: another process holds it, which the refusal says, or there can be no such lock.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = sqlite3.connect(lock, timeout=0, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise ConfigError(f"{lock} cannot be made: {error}; set FILLWELL_HOME to a folder you can write to") from error
    try:
        held.execute("BEGIN EXCLUSIVE")  # the lock that every system has which the store runs on
    except sqlite3.DatabaseError as error:
        held.close()
        busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
        raise ConfigError(refusal if busy else f"{lock} cannot be held: {error}") from error
    return held


def free_port() -> int:
    """Find a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int, setting: str) -> None:
    """Refuse early, in one sentence, when a port is taken.

    Raises:
        ConfigError: something listens there already.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{host}:{port} is taken ({error.strerror}); stop what listens there or set {setting}=…"
            ) from error
