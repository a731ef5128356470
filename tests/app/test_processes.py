"""One command keeps its processes running and ends them together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.cli.serve import start
from app.processes import Child, free_port, hold, require_free, stop, supervise
from app.progress import Progress, read_progress, write_progress
from data.errors import ConfigError, FillwellError, StoreError


def a_child(tmp_path: Path, code: str, name: str = "engine") -> Child:
    return Child(name, [sys.executable, "-c", code], dict(os.environ), tmp_path / "logs" / f"{name}.log")


def interrupt_when(condition: Callable[[], bool]) -> threading.Thread:
    def wait() -> None:
        deadline = time.monotonic() + 20
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_process_that_dies_is_started_again_and_all_end_together(tmp_path: Path) -> None:
    child = a_child(tmp_path, "import time; time.sleep(60)")
    killed: list[int] = []

    def beat() -> None:
        if child.process is not None and not killed:
            killed.append(child.process.pid)
            child.process.kill()
            child.process.wait()

    thread = interrupt_when(lambda: len(child.starts) == 2)
    supervise([child], on_start=lambda: None, on_beat=beat)
    thread.join()
    assert len(child.starts) == 2
    assert child.ended


def test_a_process_that_nothing_can_replace_is_not_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    world = a_child(tmp_path, "raise SystemExit('gone')", "sandbox")
    world.replaceable = False
    other = a_child(tmp_path, "import time; time.sleep(60)")
    seen: list[bool] = []
    thread = interrupt_when(lambda: len(seen) > 3)
    supervise([world, other], on_start=lambda: None, on_beat=lambda: seen.append(world.ended and not other.ended))
    thread.join()
    assert len(world.starts) == 1
    assert seen[-1]


def test_a_process_that_cannot_run_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    child = a_child(tmp_path, "raise SystemExit('the disk is on fire')")
    with pytest.raises(FillwellError, match="the disk is on fire"):
        supervise([child], on_start=lambda: None, on_beat=lambda: None)


def test_a_process_that_ignores_the_request_to_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.processes.GRACE_SECONDS", 0.3)
    deaf = a_child(
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
    )
    deaf.start()
    while b"up" not in deaf.log.read_bytes():
        time.sleep(0.02)
    stop([deaf])
    assert deaf.ended


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a demo workspace that somebody works in."""
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    monkeypatch.setenv("PORT", str(free_port()))
    kept = tmp_path / "workspaces" / "demo" / "log.db"
    kept.parent.mkdir(parents=True)
    kept.touch()
    return kept


def test_a_demo_that_is_served_is_not_begun_anew_by_a_second_start(demo: Path) -> None:
    with (
        closing(hold(demo.parents[2] / "demo.lock", "served")),
        pytest.raises(ConfigError, match="served already; end that one"),
    ):
        start(workspace="demo", role="all", browser=False)
    assert demo.exists()


def test_a_start_on_a_taken_port_leaves_the_demo_as_it_is(demo: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(os.environ["PORT"])))
        other.listen()
        with pytest.raises(ConfigError, match="is taken"):
            start(workspace="demo", role="all", browser=False)
    assert demo.exists()


def test_a_workspace_that_there_is_not_is_not_made(demo: Path) -> None:
    with pytest.raises(ConfigError, match="give demo"):
        start(workspace="dmeo", role="all", browser=False)
    assert [folder.name for folder in demo.parents[1].iterdir()] == ["demo"]


def test_a_lock_that_cannot_be_made_is_not_said_to_be_held_by_another(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for lock in (tmp_path / "file" / "l", tmp_path / "folder"):
        with pytest.raises(ConfigError, match="cannot be made"):
            hold(lock, "held by another")
    (tmp_path / "scribbled").write_bytes(b"no lock of ours " * 99)
    with pytest.raises(ConfigError, match="cannot be held: file is not a database"):
        hold(tmp_path / "scribbled", "held by another")


def test_a_lock_is_free_again_when_its_holder_ends(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from app.processes import hold; hold(Path(sys.argv[1]), 'x')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "l")], check=True)
    hold(tmp_path / "l", "held still").close()


def test_a_taken_port_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="set PORT="):
            require_free("127.0.0.1", taken.getsockname()[1], "PORT")


def test_a_free_port_is_free() -> None:
    require_free("127.0.0.1", free_port(), "PORT")


def test_progress_is_read_back_whole_or_not_at_all(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    write_progress(tmp_path, Progress("reading orders", 5, 10, ready=False))
    assert read_progress(tmp_path) == Progress("reading orders", 5, 10, ready=False)


def test_a_folder_that_cannot_be_written_to_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write"):
        write_progress(tmp_path / "absent", Progress("x", 0, 0, ready=False))
