"""One PostgreSQL cluster for both systems, with databases that are copied from templates in a second."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.counterparts.processes import Server, free_port
from tests.postgres import HOW, binaries

OWNER = "fillwell"
#: What is lost when the machine stops is made again: nothing waits for the disk.
SETTINGS = {
    "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "synchronous_commit": "off",
    "full_page_writes": "off", "shared_buffers": "128MB", "max_connections": "120",
}  # fmt: skip


class Cluster:
    """A running server."""

    def __init__(self, folder: Path, port: int, server: Server) -> None:
        self.folder = folder
        self.port = port
        self._server = server

    def stop(self) -> None:
        """Stop the server; its folder stays as it is until the end."""
        self._server.stop()

    def url(self, database: str) -> str:
        """Give the address of a database."""
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, *values: object, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement with its values and give its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as conn:
            found = conn.execute(statement.encode(), values or None)
            return found.fetchall() if found.description else []

    def copy(self, template: str, database: str) -> None:
        """Make a database anew from a template; whoever is connected to either is cut off."""
        self.run(f'drop database if exists "{database}" with (force)')
        self._cut_off(template)
        self.run(f'create database "{database}" template "{template}"')

    def _cut_off(self, database: str) -> None:
        self.run(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'")  # noqa: S608


def server_version() -> str:
    """Name the version whose files a cluster's folder holds."""
    return subprocess.run(
        [str(_programs() / "postgres"), "--version"], check=True, capture_output=True, text=True
    ).stdout


@contextmanager
def cluster(seeded: Path | None = None) -> Iterator[Cluster]:
    """Run a cluster in a folder of its own, empty or a copy of a stopped one; both end together."""
    folder = Path(tempfile.mkdtemp(prefix="fillwell-counterparts-"))
    root = os.geteuid() == 0  # the server refuses to run as root
    try:
        data = folder / "data"
        if seeded is None:
            data.mkdir(mode=0o700)
        else:
            subprocess.run(["cp", "-a", "--reflink=auto", str(seeded), str(data)], check=True)
        if root:
            subprocess.run(["chown", "-R", "postgres:postgres", str(folder)], check=True)
        data.chmod(0o700)
        if seeded is None:
            _initdb(folder, data, root=root)
        with _running(folder, data) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initdb(folder: Path, data: Path, *, root: bool) -> None:
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []
    command = [str(_programs() / "initdb"), "-D", str(data), "-U", OWNER, "-A", "trust", "-E", "UTF8"]
    subprocess.run([*as_postgres, *command, "--locale=C.UTF-8", "-N"], check=True, cwd=folder, capture_output=True)


@contextmanager
def _running(folder: Path, data: Path) -> Iterator[Cluster]:
    port = free_port()
    settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    command = [str(_programs() / "postgres"), "-D", str(data), "-p", str(port), *settings]
    server = Server(
        command, folder / "postgres.log", folder=folder, env=os.environ, user="postgres", stop_by=signal.SIGINT
    )
    found = Cluster(folder, port, server)
    try:
        server.await_answer(lambda: _answers(found), seconds=60)
        yield found
    finally:
        server.stop()


def _answers(found: Cluster) -> bool:
    try:
        found.run("select 1")
    except psycopg.OperationalError:
        return False
    return True


def _programs() -> Path:
    programs = binaries()
    if programs is None:
        raise RuntimeError(HOW)
    return programs
