"""`fillwell ingest`: bring files in, see what became of them, take them back, mend what could not be read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import AS_USER, FORMAT, WORKSPACE, Format, emit, note, open_workspace, progress

if TYPE_CHECKING:
    import sqlalchemy as sa

    from data.log.records import Parse, Stored
    from data.store import Store
    from ingest.files.mapping import Mapping
    from ingest.files.plan import Plan

commands = typer.Typer(no_args_is_help=True)
dead = typer.Typer(no_args_is_help=True)
commands.add_typer(dead, name="dead-letters", help="See, correct and replay what could not be read.")

#: Bad rows that are told at once; all of them are listed by `dead-letters list`.
SHOWN = 10

MAPPING = Annotated[str, typer.Option("--mapping", metavar="M.toml", help="The mapping, or the name of one shipped.")]
PATHS = Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders of files.")]
INSTANT = Annotated[
    str | None, typer.Option("--as-of-instant", metavar="TIME", help="When the file was exported, with its offset.")
]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, store nothing.")]
SETS = Annotated[list[str] | None, typer.Option("--set", metavar="COLUMN=TEXT", help="The right text of a cell.")]
BODY = Annotated[Path | None, typer.Option("--file", help="The whole corrected record, as JSON.")]
CONNECTION = Annotated[str | None, typer.Option("--connection", help="Only those of one connection.")]
CLASS = Annotated[str | None, typer.Option("--class", help="Only those of one error class.")]
BATCH = Annotated[int | None, typer.Option("--batch", help="Only those of one batch.")]
LIMIT = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
RECORDS = Annotated[list[int] | None, typer.Argument(metavar="RECORD…", help="Numbers of records.")]


@commands.command()
def files(
    mapping: MAPPING,
    paths: PATHS,
    dry_run: DRY_RUN = False,
    as_of_instant: INSTANT = None,
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Bring in files by a mapping: each file becomes a batch that can be taken back."""
    from data.clock import system_clock
    from data.log.persons import store_secret
    from data.publish import publish
    from ingest.files.load import load
    from ingest.files.mapping import parse_instant
    from ingest.files.plan import choose_inputs, plan_import

    told = _mapping(mapping)
    inputs = choose_inputs(paths, told)
    instant = None if as_of_instant is None else parse_instant(as_of_instant, "--as-of-instant")
    now = system_clock()
    store = None if dry_run else open_workspace(workspace, create=True)
    key = b"dry run" if store is None else store_secret(store.facts.parent)
    found = []
    for one in inputs:
        note(f"reading {one.main}")
        plan = plan_import(one, told, key=key, now=now, instant=instant)
        _tell(plan)
        found.append(_planned(plan) if store is None else _loaded(load(store, plan, now=now, progress=progress)))
    if store is not None:
        note("folding and publishing")
        published = publish(store, now=system_clock(), progress=progress)
        note("nothing new" if published is None else f"publication {published.id} holds it")
    emit(found, chosen)


@commands.command()
def status(workspace: WORKSPACE = "mine", chosen: FORMAT = Format.table) -> None:
    """See each connection: received = accepted + duplicates + conflicts + dead letters."""
    from ingest.status import status_rows

    rows = status_rows(open_workspace(workspace))
    if chosen != Format.json:
        rows = [{name: value for name, value in row.items() if name != "streams"} for row in rows]
    emit(rows, chosen)


@commands.command()
def batches(
    connection: CONNECTION = None, limit: LIMIT = 200, workspace: WORKSPACE = "mine", chosen: FORMAT = Format.table
) -> None:
    """List imports, the newest first."""
    from data.log.batches import list_batches

    with open_workspace(workspace).log.read() as conn:
        found = list_batches(conn, connection=connection, limit=limit)
    emit(
        [
            {"batch": b.id, "connection": b.connection, "name": b.name, "exported": b.instant,
             "received": b.received_at, "status": b.status, "rows": b.rows}
            for b in found
        ],
        chosen,
    )  # fmt: skip


@commands.command()
def withdraw(
    batch: Annotated[int, typer.Argument(help="Number of the batch, as `batches` lists it.")],
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Take an import back: the figures become what they would be without it."""
    from data.clock import system_clock
    from data.log.batches import withdraw_batch
    from data.publish import publish

    store, now = open_workspace(workspace), system_clock()
    with store.log.write() as conn:
        done = withdraw_batch(conn, batch, now=now)
    published = publish(store, now=now, progress=progress)
    emit(
        [{"batch": batch, "entities": done.entities, "redecided": done.redecided,
          "publication": published.id if published else None}],
        chosen,
    )  # fmt: skip


@dead.command("list")
def list_dead(
    connection: CONNECTION = None,
    error_class: CLASS = None,
    batch: BATCH = None,
    limit: LIMIT = 50,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="Those that were set aside.")] = False,
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """List what could not be read, in the order of arrival."""
    from data.log.dead_letters import list_dead_letters

    with open_workspace(workspace).log.read() as conn:
        found = list_dead_letters(
            conn, connection=connection, error_class=error_class, batch=batch, dismissed=dismissed, limit=limit
        )
    emit([_brief(stored) for stored in found], chosen)


@dead.command("show")
def show_dead(
    record: Annotated[int, typer.Argument(help="Number of the record.")],
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Show one record with its cells as they were received."""
    from data.log.dead_letters import show_dead_letter

    with open_workspace(workspace).log.read() as conn:
        stored = show_dead_letter(conn, record)
    row = {**_brief(stored), "outcome": stored.outcome, "batch": stored.batch, "dismissed": stored.dismissed}
    if chosen == Format.table:
        fields = [{"what": name, "value": value} for name, value in row.items()]
        emit([*fields, *({"what": f"[{name}]", "value": cell} for name, cell in _cells(stored).items())], chosen)
    else:
        emit([{**row, "cells": _cells(stored)}], chosen)


@dead.command("edit")
def edit_dead(
    record: Annotated[int, typer.Argument(help="Number of the record.")],
    sets: SETS = None,
    body: BODY = None,
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Correct a record and replay it; what it came with is kept beside."""
    from data.errors import RequestError
    from data.log.records import one_stored

    store = open_workspace(workspace)
    if bool(sets) == (body is not None):
        raise RequestError("give the right cells with --set COLUMN=TEXT, or the whole record with --file")
    if body is not None:
        edited = _read_body(body)
    else:
        with store.log.read() as conn:
            cells = _cells(one_stored(conn, record))
        edited = json.dumps({**_without_marks(cells), **_set(sets or [], cells)}, ensure_ascii=False).encode()
    emit(_replay(store, [record], edited=edited), chosen)


@dead.command("replay")
def replay_dead(
    records: RECORDS = None,
    mapping: Annotated[str | None, typer.Option("--mapping", help="A corrected mapping, for files.")] = None,
    connection: CONNECTION = None,
    error_class: CLASS = None,
    batch: BATCH = None,
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Read dead letters again: those named, or all that fit the options."""
    from data.errors import RequestError
    from data.log.dead_letters import list_dead_letters

    store = open_workspace(workspace)
    if not records and connection is None and error_class is None and batch is None:
        raise RequestError("say which: give numbers of records, or --connection, --class or --batch")
    with store.log.read() as conn:
        fitting = [] if records else list_dead_letters(
            conn, connection=connection, error_class=error_class, batch=batch, limit=1_000_000
        )  # fmt: skip
    numbers = records or [stored.id for stored in fitting]
    emit(_replay(store, numbers, mapping=None if mapping is None else _mapping(mapping)), chosen)


@dead.command("dismiss")
def dismiss_dead(
    record: Annotated[int, typer.Argument(help="Number of the record.")],
    why: Annotated[str, typer.Option("--why", help="Why nobody needs to look at it again.")],
    user: AS_USER = "admin",
    workspace: WORKSPACE = "mine",
) -> None:
    """Set a dead letter aside; it still counts as received."""
    from data.log.dead_letters import dismiss

    with open_workspace(workspace).log.write() as conn:
        dismiss(conn, record, by=user, why=why)
    note(f"record {record} is set aside")


def _mapping(name: str) -> Mapping:
    """Read a mapping from a file, or one that comes with Fillwell by its name."""
    from importlib import resources

    from data.errors import ConfigError
    from ingest.files.mapping import parse_mapping, read_mapping

    if Path(name).suffix or Path(name).exists():
        return read_mapping(Path(name))
    shipped = {f.name.removesuffix(".toml"): f for f in resources.files("ingest.files.mappings").iterdir()}
    if name not in shipped or not shipped[name].name.endswith(".toml"):
        known = ", ".join(sorted(n for n, f in shipped.items() if f.name.endswith(".toml")))
        raise ConfigError(f"there is no mapping {name!r}: give a file such as M.toml, or one that is shipped: {known}")
    return parse_mapping(shipped[name].read_text(encoding="utf-8"), name)


def _tell(plan: Plan) -> None:
    """Say on standard error how a file was read, so that a person sees a wrong guess at once."""
    read = ", ".join(f"{name} {value!r}" for name, value in plan.about.items())
    note(f"  {plan.rows:,} rows; {read}; exported {plan.instant.isoformat()}")
    for rule, rows in plan.rules.items():
        because = next((g.because or g.states for g in plan.groups if g.rule == rule), "")
        note(f"  {rows:>9,} {rule}: {because}")
    if plan.linked or plan.unlinked:
        note(f"  {plan.linked:,} returns found their order, {plan.unlinked:,} did not")
    for column, shape in plan.notes.formats.items():
        note(f"  column {column!r} is read as {shape}")
    for cell, rows in plan.notes.sentinels.items():
        note(f"  {rows:,} times {cell!r} is read as missing")
    for warning in plan.notes.warnings:
        note(f"  note: {warning}")
    for bad in plan.dead_letters(SHOWN):
        note(f"  {bad.error_class}: {bad.message}")
    if (more := plan.count_dead_letters() - SHOWN) > 0:
        note(f"  … and {more:,} more rows that cannot be taken")


def _planned(plan: Plan) -> dict[str, Any]:
    bad = plan.count_dead_letters()
    return {
        "file": plan.name, "rows": plan.rows, "good": plan.rows - bad, "dead_letters": bad, "exported": plan.instant,
        "rules": plan.rules,
        "first_bad": [{"line": b.line, "class": b.error_class, "error": b.message} for b in plan.dead_letters(SHOWN)],
    }  # fmt: skip


def _loaded(done: Any) -> dict[str, Any]:  # noqa: ANN401 -- Imported, whose import is heavy
    return {
        "file": done.name, "batch": done.batch, "rows": done.rows, "accepted": done.tally.accepted,
        "duplicates": done.tally.duplicates, "conflicts": done.tally.conflicts,
        "dead_letters": done.tally.dead_letters, "removed": done.removed, "resumed_at": done.resumed_at,
        "exported": done.instant,
    }  # fmt: skip


def _brief(stored: Stored) -> dict[str, Any]:
    return {
        "record": stored.id, "connection": stored.connection, "stream": stored.stream, "place": stored.place,
        "class": stored.error_class, "error": stored.error, "received": stored.arrived,
    }  # fmt: skip


def _cells(stored: Stored) -> dict[str, Any]:
    try:
        cells = json.loads(stored.body)
    except ValueError:
        cells = None
    return cells if isinstance(cells, dict) else {"*bytes": stored.body.decode(errors="backslashreplace")}


def _without_marks(cells: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only says why a row could not be read."""
    return {name: cell for name, cell in cells.items() if not name.startswith("*")}


def _set(sets: Sequence[str], cells: dict[str, Any]) -> dict[str, Any]:
    from data.errors import RequestError

    changed: dict[str, Any] = {}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals:
            raise RequestError(f"--set {text!r}: write COLUMN=TEXT; the record has {', '.join(cells)}")
        changed[name] = value
    return changed


def _read_body(file: Path) -> bytes:
    from data.errors import RequestError

    try:
        return file.read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read {file}: {error.strerror}") from error


def _replay(
    store: Store, records: Sequence[int], *, edited: bytes | None = None, mapping: Mapping | None = None
) -> list[dict[str, Any]]:
    """Replay records one transaction each, then publish once."""
    from data.clock import system_clock, to_micros
    from data.log.dead_letters import replay, show_dead_letter
    from data.publish import publish
    from ingest.files.events import PARSER

    rows = []
    for number, record in enumerate(records, 1):
        with store.log.write() as conn:
            before = show_dead_letter(conn, record)
            parse = _parser(store, conn, before, mapping)
            outcome = replay(conn, record, parse, at=to_micros(system_clock()), parser=PARSER, edited=edited)
            error = show_dead_letter(conn, record).error
        rows.append({"record": record, "place": before.place, "outcome": outcome, "error": error})
        if number % 100 == 0:
            progress("replay", number, len(records))
    publish(store, now=system_clock(), progress=progress)
    return rows


def _parser(store: Store, conn: sa.Connection, stored: Stored, mapping: Mapping | None) -> Parse:
    """Find what reads a record: its mapping where it came from a file, else the adapter of its connection."""
    from data.log.persons import store_secret
    from ingest.files.kept import is_kept, kept
    from ingest.files.replay import parse_again

    secret = store_secret(store.facts.parent)
    if is_kept(store, stored.connection, stored.stream):
        known = kept(store, stored.connection, stored.stream)
        told = mapping or known.mapping(f"the mapping kept for {stored.connection} {stored.stream}")
        return parse_again(conn, told, known.formats, key=secret)
    from ingest.connections import open_adapter, read_connections
    from ingest.replay import parse_stored

    connections = read_connections(store.facts.parent / "connections.toml")
    mine = [c for c in connections if c.name == stored.connection]
    return parse_stored({c.name: open_adapter(c, os.environ) for c in mine})
