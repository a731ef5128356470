"""Which systems a workspace is connected to: for the engine, the desk and the command line alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from actions.targets import Targets, targets_of
from app.demo import shop
from app.progress import read_json, replace_json
from data.clock import Clock
from data.errors import ConfigError
from data.store import Store
from ingest.adapter import Adapter
from ingest.connections import Connection, open_adapter, open_reader, read_connections, webhook_secrets

_SANDBOX = "sandbox.json"


@dataclass(frozen=True)
class Connected:
    """The connections of a workspace, opened."""

    connections: tuple[Connection, ...]
    adapters: Mapping[str, Adapter]
    secrets: Mapping[str, tuple[str, ...]]  #: webhook secrets by connection
    sandbox: str | None  #: address of the demo's sandbox

    def targets(self, store: Store, clock: Clock) -> Targets:
        """Give every connection as actions see it."""
        return targets_of(store, self.adapters.values(), clock)


def connect(folder: Path, env: Mapping[str, str]) -> Connected:
    """Open the connections of a workspace's folder: those of its file, or the demo's four.

    Raises:
        ConfigError: a connection or a secret is not what it must be.
    """
    sandbox = sandbox_of(folder)
    found = _connections(folder, sandbox)
    known = env if sandbox is None else {**env, **shop.secrets()}
    return Connected(
        connections=found,
        adapters={c.name: open_adapter(c, known) for c in found},
        secrets={c.name: webhook_secrets(c, known) for c in found},
        sandbox=sandbox,
    )


def readers(folder: Path) -> Mapping[str, Adapter]:
    """Give what reads the stored records of each connection again: no secret is needed, no system is reached.

    Raises:
        ConfigError: a connection is not what it must be.
    """
    return {c.name: open_reader(c) for c in _connections(folder, sandbox_of(folder))}


def _connections(folder: Path, sandbox: str | None) -> tuple[Connection, ...]:
    return read_connections(folder / "connections.toml") if sandbox is None else shop.connections(sandbox)


def note_sandbox(folder: Path, url: str) -> None:
    """Note where the demo's sandbox is, for the other processes of the workspace."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_json(folder / _SANDBOX, {"url": url})


def sandbox_of(folder: Path) -> str | None:
    """Tell where the workspace's sandbox is; None for a workspace of own data.

    Raises:
        ConfigError: it is the demo's, and the demo was never started.
    """
    found = read_json(folder / _SANDBOX)
    if found is not None:
        return str(found["url"])
    if folder.name == "demo":
        raise ConfigError("the demo shop is not open; start it with `fillwell start`")
    return None
