"""Starts the two systems on databases of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.counterparts.postgres import OWNER, Cluster
from tests.counterparts.processes import Server, free_port

PASSWORD = "admin-local-only"
#: A slow machine needs tens of seconds to load the program.
STARTED_WITHIN_SECONDS = 240.0


def medusa_command(app: Path, *arguments: str) -> list[str]:
    """Give the command line of the storefront's program."""
    return [shutil.which("node") or "node", str(app / "node_modules" / ".bin" / "medusa"), *arguments]


def medusa_env(cluster: Cluster, database: str, webhook: str = "") -> dict[str, str]:
    """Tell the storefront's program its database, and where it sends events."""
    url = f"postgres://{OWNER}@127.0.0.1:{cluster.port}/{database}"
    return {
        **os.environ, "DATABASE_URL": url, "MEDUSA_DISABLE_TELEMETRY": "true", "OUT_WEBHOOK_URL": webhook,
        "NODE_ENV": "production",
    }  # fmt: skip


@contextmanager
def medusa(app: Path, cluster: Cluster, database: str, *, webhook: str = "", port: int = 0) -> Iterator[str]:
    """Serve the storefront and give its address."""
    url = f"http://127.0.0.1:{(port := port or free_port())}"
    server = Server(
        medusa_command(app, "start", "-H", "127.0.0.1", "-p", str(port)),
        cluster.folder / f"medusa-{port}.log", folder=app, env=medusa_env(cluster, database, webhook),
    )  # fmt: skip
    try:
        server.await_answer(lambda: _ok(lambda: httpx.get(f"{url}/health")), seconds=STARTED_WITHIN_SECONDS)
        yield url
    finally:
        server.stop()


@contextmanager
def tryton(environment: Path, cluster: Cluster, *databases: str, port: int = 0) -> Iterator[str]:
    """Serve the ERP's databases and give its address."""
    url = f"http://127.0.0.1:{(port := port or free_port())}"
    named = [word for database in databases for word in ("-d", database)]
    server = Server(
        [str(environment / "bin" / "trytond"), "-c", str(tryton_configuration(cluster, port)), *named],
        cluster.folder / f"tryton-{port}.log", folder=cluster.folder, env=os.environ,
    )  # fmt: skip
    version = {"id": 1, "method": "common.server.version", "params": []}
    try:
        server.await_answer(
            lambda: _ok(lambda: httpx.post(f"{url}/rpc/", json=version)), seconds=STARTED_WITHIN_SECONDS
        )
        yield url
    finally:
        server.stop()


def tryton_configuration(cluster: Cluster, port: int) -> Path:
    """Write what the ERP's program must know."""
    file = cluster.folder / f"tryton-{port}.conf"
    file.write_text(
        f"[database]\nuri = postgresql://{OWNER}@127.0.0.1:{cluster.port}/\npath = {cluster.folder}/tryton-files\n"
        f"[web]\nlisten = 127.0.0.1:{port}\n[request]\ntimeout = 120\n[session]\ntimeout = 86400\n"
    )
    return file


def _ok(ask: Callable[[], httpx.Response]) -> bool:
    try:
        answer = ask()
    except httpx.HTTPError:
        return False
    return answer.is_success
