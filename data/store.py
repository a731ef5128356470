"""The store of one workspace: the log's database, the desk's database, the folder of facts.

SQLite by default, PostgreSQL by setting, through the same SQLAlchemy Core code. Writers are serialised: on SQLite by
`BEGIN IMMEDIATE` on an engine of its own (a deferred read-then-write fails at once with 'locked' despite a timeout),
on PostgreSQL by an advisory lock, so that log order is commit order.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from data.errors import ConfigError, StoreError
from data.settings import Settings

TURN_SECONDS = 30.0
_WORKSPACE = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True, kw_only=True)
class Database:
    """One database with a reader engine and a writer engine."""

    name: str  #: log | desk
    reader: sa.Engine
    writer: sa.Engine
    turn: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open one consistent view."""
        with told(self.name), self.reader.connect() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open the one write transaction; it commits at the end or not at all.

        Threads of one process take turns before they ask the database: SQLite lets who waits sleep ever longer, so
        that one among many would wait seconds for a lock that is free most of the time.
        """
        with told(self.name), self._in_turn(), self.writer.begin() as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": self.name})
            yield conn

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Wait for the other threads; whoever holds out for longer is left to the database to judge."""
        mine = self.turn.acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            if mine:
                self.turn.release()

    def close(self) -> None:
        """Give back every connection."""
        self.reader.dispose()
        self.writer.dispose()


@dataclass(frozen=True, kw_only=True)
class Store:
    """A workspace's log and desk databases and the folder of its facts."""

    workspace: str
    log: Database
    desk: Database
    facts: Path

    def close(self) -> None:
        """Give back every connection."""
        self.log.close()
        self.desk.close()


@contextmanager
def told(name: str) -> Iterator[None]:
    """Say in one sentence what ails the database, instead of a driver's traceback."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.Error) as error:
        cause = str((error.orig if isinstance(error, sa.exc.DatabaseError) else None) or error).splitlines()[0]
        remedy = next((text for key, text in _REMEDIES.items() if key in cause), None)
        if remedy is None:
            raise
        raise StoreError(f"the {name} database: {cause}; {remedy}") from error


_REMEDIES = {
    "locked": "another program is writing to it; wait or stop the other one",
    "readonly": "make the file and its folder writable",
    "read-only": "make the file and its folder writable",
    "unable to open": "check that the folder exists and is writable (FILLWELL_HOME)",
    "disk is full": "free some space and start again: nothing that was acknowledged is lost",
    "not a database": "the file is damaged or is something else; restore a copy or choose another FILLWELL_HOME",
    "malformed": "the file is damaged; restore a copy",
    "connection refused": "start the server or correct FILLWELL_DATABASE_URL",
    "connection failed": "start the server or correct FILLWELL_DATABASE_URL",
    "connection to server": "start the server or correct FILLWELL_DATABASE_URL",
    "resolve host": "correct the host in FILLWELL_DATABASE_URL, or the network",
    "password authentication": "correct FILLWELL_DATABASE_URL",
}


def open_store(settings: Settings, workspace: str, *, create: bool = True) -> Store:
    """Open a workspace, bring its log up to date and hand it out.

    Raises:
        StoreError: it is missing (and `create` is false), locked, read-only, damaged or newer than this program.
        ConfigError: the workspace's name cannot be one.
    """
    if not _WORKSPACE.fullmatch(workspace):
        raise ConfigError(f"workspace {workspace!r}: use 1 to 31 of a-z, 0-9, - and _, beginning with a letter")
    folder = settings.home / "workspaces" / workspace
    if not create and settings.database_url is None and not (folder / "log.db").exists():
        raise StoreError(
            f"there is no workspace {workspace!r} under {settings.home}; bring in data or start the demo first"
        )
    try:
        (folder / "facts").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make {folder}: {error.strerror}; set FILLWELL_HOME to a folder you can write to"
        ) from error
    store = Store(
        workspace=workspace,
        log=_database("log", workspace, settings, folder),
        desk=_database("desk", workspace, settings, folder),
        facts=folder / "facts",
    )
    migrate(store.log, "data.migrations")
    return store


def migrate(database: Database, package: str) -> None:
    """Bring a database to the newest schema of a package's migrations.

    Raises:
        StoreError: the database was written by a newer program.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(resources.files(package)))
    scripts = ScriptDirectory.from_config(config)
    with told(database.name), database.reader.connect() as conn:
        current = MigrationContext.configure(conn).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the {database.name} database was written by a newer version of Fillwell (schema {current}); "
            "update the program, or open another workspace"
        )
    with database.write() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def _database(name: str, workspace: str, settings: Settings, folder: Path) -> Database:
    if settings.database_url is not None:
        return _postgres(name, f"{workspace}_{name}".replace("-", "_"), settings.database_url)
    return _sqlite(name, folder / f"{name}.db", settings.busy_timeout_seconds)


def _postgres(name: str, schema: str, url: str) -> Database:
    def engine(isolation: Literal["READ COMMITTED", "REPEATABLE READ"]) -> sa.Engine:
        made = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"),
            connect_args={"options": f"-csearch_path={schema}"},
            isolation_level=isolation,
            pool_pre_ping=True,
        )
        sa_event.listen(made, "before_cursor_execute", _without_nul, retval=True)
        return made

    writer = engine("READ COMMITTED")
    with told(name), writer.begin() as conn:
        conn.execute(sa.text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    return Database(name=name, reader=engine("REPEATABLE READ"), writer=writer)


def _without_nul(
    _conn: sa.Connection, _cursor: object, statement: str, values: Sequence[object], _context: object, many: bool
) -> tuple[str, object]:
    """Write the sign for NUL in its place: PostgreSQL keeps none in text, and a remote may say anything."""
    return statement, [_legible(one) for one in values] if many else _legible(values)


def _legible(values: object) -> object:
    if not isinstance(values, Mapping) or not any(isinstance(v, str) and "\0" in v for v in values.values()):
        return values
    return {k: v.replace("\0", "\N{SYMBOL FOR NULL}") if isinstance(v, str) else v for k, v in values.items()}


def _sqlite(name: str, file: Path, busy_timeout_seconds: float) -> Database:
    return Database(
        name=name,
        reader=_sqlite_engine(file, busy_timeout_seconds, begin="BEGIN"),
        writer=_sqlite_engine(file, busy_timeout_seconds, begin="BEGIN IMMEDIATE"),
    )


def _sqlite_engine(file: Path, busy_timeout_seconds: float, *, begin: str) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": busy_timeout_seconds})

    @sa_event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, never by the driver
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")

    @sa_event.listens_for(engine, "begin")
    def _on_begin(conn: sa.Connection) -> None:
        conn.exec_driver_sql(begin)

    return engine
