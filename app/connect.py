"""Which systems a workspace is connected to: for the engine, the desk and the command line alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from actions.targets import Targets, targets_of
from actions.view import Account
from app.demo import shop
from app.progress import read_json, replace_json
from data.clock import Clock
from data.errors import ConfigError
from data.log.identity import Change, changes_since, identity_of, last_change
from data.store import Store
from ingest.adapter import Adapter
from ingest.connections import Connection, open_adapter, open_reader, read_connections, webhook_secrets

_SANDBOX = "sandbox.json"
FILE = "connections.toml"


@dataclass
class Connected:
    """The connections of a workspace, opened; where a mapping changes, their adapters are opened anew."""

    connections: tuple[Connection, ...]
    adapters: dict[str, Adapter]
    secrets: Mapping[str, tuple[str, ...]]  #: webhook secrets by connection
    sandbox: str | None  #: address of the demo's sandbox
    mapped: int = 0  #: the newest change of a mapping that the adapters know
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  #: where secrets are looked up
    written: int = 0  #: when the file was written that the connections were read from

    @property
    def accounts(self) -> dict[str, Account]:
        """Say what detectors and commands must know of each connection."""
        return accounts_of(self.connections)

    def targets(self, store: Store, clock: Clock) -> Targets:
        """Give every connection as actions see it, and our own books."""
        return targets_of(store, self.adapters.values(), clock, readers=partial(readers, store))

    def reread(self, store: Store) -> bool:
        """Open what the workspace's file says now where it was written since; tell whether it was.

        Raises:
            ConfigError: what it says now cannot be used; what was open stays open, and the file is read once.
        """
        now = written(store.facts.parent)
        if self.sandbox is not None or now == self.written:
            return False
        self.written = now
        fresh = connect(store, self.env)
        for adapter in self.adapters.values():
            adapter.close()
        self.adapters.clear()
        self.adapters.update(fresh.adapters)  # the door holds this mapping
        self.connections, self.secrets, self.mapped = fresh.connections, fresh.secrets, fresh.mapped
        return True

    def follow(self, store: Store) -> list[Change]:
        """Open those adapters anew whose connection's mappings changed, and give the changes."""
        with store.log.read() as conn:
            changes = changes_since(conn, self.mapped)
            for name in {change.connection for change in changes}:
                account = next((c for c in self.connections if c.name == name), None)
                if account is not None:
                    self.adapters[name].close()
                    self.adapters[name] = open_adapter(account, self.env, identity=identity_of(conn, name))
        self.mapped = changes[-1].number if changes else self.mapped
        return changes


def connect(store: Store, env: Mapping[str, str]) -> Connected:
    """Open the connections of a workspace, with what people mapped of their codes: those of its file, or the demo's.

    Raises:
        ConfigError: a connection or a secret is not what it must be.
    """
    sandbox, read_at = sandbox_of(store.facts.parent), written(store.facts.parent)
    found = _connections(store.facts.parent, sandbox)
    known = env if sandbox is None else {**env, **shop.secrets()}
    with store.log.read() as conn:
        mapped = last_change(conn)
        adapters = {c.name: open_adapter(c, known, identity=identity_of(conn, c.name)) for c in found}
    return Connected(
        connections=found,
        adapters=adapters,
        secrets={c.name: webhook_secrets(c, known) for c in found},
        sandbox=sandbox,
        mapped=mapped,
        env=known,
        written=read_at,
    )


def readers(store: Store) -> Mapping[str, Adapter]:
    """Give what reads the stored records of each connection again: no secret is needed, no system is reached.

    Raises:
        ConfigError: a connection is not what it must be.
    """
    with store.log.read() as conn:
        return {c.name: open_reader(c, identity=identity_of(conn, c.name)) for c in connections_of(store)}


def connections_of(store: Store) -> tuple[Connection, ...]:
    """Give the connections of a workspace as they are configured.

    Raises:
        ConfigError: a connection is not what it must be.
    """
    folder = store.facts.parent
    return _connections(folder, sandbox_of(folder))


def accounts_of(connections: Iterable[Connection]) -> dict[str, Account]:
    """Say of each connection what detectors and commands must know of it."""
    return {
        c.name: Account(
            connection=c.name, system=c.system, orders_from=c.orders_from or c.name,
            stock_from=c.stock_from or c.name, items_from=c.items_from or c.name,
            sales_upto=c.sales_upto,
        )
        for c in connections
    }  # fmt: skip


def _connections(folder: Path, sandbox: str | None) -> tuple[Connection, ...]:
    return read_connections(folder / FILE) if sandbox is None else shop.connections(sandbox)


def written(folder: Path) -> int:
    """Tell when the file of the connections was written, in nanoseconds; 0 where there is none."""
    try:
        return (folder / FILE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


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
