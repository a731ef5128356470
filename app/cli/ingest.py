"""`fillwell ingest`: bring files in, see what became of them, take them back, mend what could not be read."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import AS_USER, FORMAT, WORKSPACE, Format, emit, note, open_workspace, progress

if TYPE_CHECKING:
    from data.log.dead_letters import Class, Wanted
    from data.log.records import Stored
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
    instant = None if as_of_instant is None else parse_instant(as_of_instant, "--as-of-instant")
    inputs = choose_inputs(paths, told)
    now = system_clock()
    store = None if dry_run else open_workspace(workspace, create=True)
    key = b"dry run" if store is None else store_secret(store.facts.parent)
    found = []
    for one in inputs:
        note(f"reading {one.main}")
        plan = plan_import(one, told, key=key, now=now, instant=instant)
        _tell(plan)
        found.append(
            _planned(plan, chosen) if store is None else _loaded(load(store, plan, now=now, progress=progress))
        )
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
    by_class: Annotated[bool, typer.Option("--by-class", help="Count them by source and error class.")] = False,
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """List what could not be read, in the order of arrival."""
    from app.services.dead_letters import classes, letters
    from data.log.dead_letters import Wanted

    store = open_workspace(workspace)
    if by_class:
        emit([_grouped(group) for group in classes(store)], chosen)
        return
    wanted = Wanted(connection=connection, error_class=error_class, batch=batch, dismissed=dismissed)
    emit([_brief(stored) for stored in letters(store, wanted, limit=limit)], chosen)


@dead.command("show")
def show_dead(
    record: Annotated[int, typer.Argument(help="Number of the record.")],
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Show one record with what was expected and its cells; what is about a person is masked."""
    from app.services.dead_letters import letter

    found = letter(open_workspace(workspace), record)
    stored, cells = found.stored, _cells(found.text.text.encode())
    row = {**_brief(stored), "expected": found.sentence, "outcome": stored.outcome, "batch": stored.batch,
           "dismissed": stored.dismissed}  # fmt: skip
    if chosen == Format.table:
        fields = [{"what": name, "value": value} for name, value in row.items()]
        emit([*fields, *({"what": f"[{name}]", "value": cell} for name, cell in cells.items())], chosen)
    else:
        emit([{**row, "cells": cells}], chosen)


@dead.command("edit")
def edit_dead(
    record: Annotated[int, typer.Argument(help="Number of the record.")],
    sets: SETS = None,
    body: BODY = None,
    user: AS_USER = "",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Correct a record and replay it; what it came with is kept beside."""
    from app.services.dead_letters import columns, to_correct
    from data.errors import RequestError

    store = open_workspace(workspace)
    if bool(sets) == (body is not None):
        raise RequestError("give the right cells with --set COLUMN=TEXT, or the whole record with --file")
    stored = to_correct(store, record)
    if body is not None:
        edited = _read_body(body)
    else:
        cells = _without_marks(_cells(stored.body))
        right = _set(sets or [], cells, columns(store, stored, cells))
        edited = json.dumps({**cells, **right}, ensure_ascii=False).encode()
    _replay(store, [record], user, chosen, edited=edited)


@dead.command("replay")
def replay_dead(
    records: RECORDS = None,
    mapping: Annotated[str | None, typer.Option("--mapping", help="A corrected mapping, for files.")] = None,
    connection: CONNECTION = None,
    error_class: CLASS = None,
    batch: BATCH = None,
    user: AS_USER = "",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Read dead letters again: those named, or all that fit the options."""
    from data.errors import RequestError
    from data.log.dead_letters import Wanted

    store = open_workspace(workspace)
    if not records and connection is None and error_class is None and batch is None:
        raise RequestError("say which: give numbers of records, or --connection, --class or --batch")
    wanted = records or Wanted(connection=connection, error_class=error_class, batch=batch)
    _replay(store, wanted, user, chosen, mapping=None if mapping is None else _mapping(mapping))


@dead.command("dismiss")
def dismiss_dead(
    record: Annotated[int, typer.Argument(help="Number of the record.")],
    why: Annotated[str, typer.Option("--why", help="Why nobody needs to look at it again.")],
    user: AS_USER = "",
    workspace: WORKSPACE = "mine",
) -> None:
    """Set a dead letter aside; it still counts as received."""
    from app.services.dead_letters import set_aside
    from app.services.people import someone

    store = open_workspace(workspace)
    set_aside(store, record, why, by=someone(store, user, entry="cli"))
    note(f"record {record} is set aside")


@commands.command()
def conflicts(
    decide: Annotated[
        str | None, typer.Option("--decide", metavar="CONNECTION/STREAM/KEY", help="Decide this movement.")
    ] = None,
    holds: Annotated[str | None, typer.Option("--holds", metavar="CONTENT", help="Which content holds.")] = None,
    decided: Annotated[bool, typer.Option("--decided", help="Also those that somebody decided.")] = False,
    limit: LIMIT = 200,
    user: AS_USER = "",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """List movements that were stated in two ways, or decide which content holds."""
    from app.services.conflicts import decide as decide_conflict
    from app.services.conflicts import disagreements
    from app.services.people import someone
    from data.errors import RequestError

    store = open_workspace(workspace)
    if decide is not None:
        connection, stream, key = (*decide.split("/", 2), "", "")[:3]
        if holds is None or not key:
            raise RequestError(
                "to decide, give --decide CONNECTION/STREAM/KEY and --holds CONTENT, as the list has them"
            )
        said = decide_conflict(store, connection, stream, key, holds, by=someone(store, user, entry="cli"))
        emit([{"movement": decide, "said": said}], chosen)
        return
    emit(
        [
            {"movement": f"{d.connection}/{d.stream}/{d.key}", "content": v.digest, "holds": v.holds,
             "received": v.received_at, "says": v.says, "of": d.what, "decided_by": d.decided_by}
            for d in disagreements(store, undecided=not decided, limit=limit)
            for v in d.versions
        ],
        chosen,
    )  # fmt: skip


@commands.command()
def erase(
    connection: Annotated[str, typer.Argument(help="Whose data it is.")],
    person: Annotated[
        list[str], typer.Argument(metavar="PERSON…", help="Mail addresses, names, phone numbers or keys, in full.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    user: AS_USER = "",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Erase what is stored about a person, for good; figures, counts and hashes stay as they are."""
    from app.services.erasure import erase as erase_person
    from app.services.erasure import trace
    from app.services.people import someone
    from data.errors import RequestError

    store = open_workspace(workspace)
    found = trace(store, connection, person, progress)
    note(f"found in {connection}: {found.words}")
    if not yes:
        if not sys.stdin.isatty():
            raise RequestError("nothing was erased: nobody is there to be asked; say --yes")
        if typer.prompt("This cannot be taken back. Write 'erase' to go on", err=True).strip() != "erase":
            raise RequestError("nothing was erased")
    said = erase_person(store, found, by=someone(store, user, entry="cli"))
    emit(
        [{"connection": connection, "entries": len(found.persons), "records": len(found.records), "said": said}], chosen
    )


@commands.command()
def reparse(
    connection: Annotated[str, typer.Argument(help="Whose records are read anew.")],
    stream: Annotated[str | None, typer.Argument(help="Only this stream.")] = None,
    mapping: Annotated[
        str | None, typer.Option("--mapping", help="A corrected mapping, for files; it is kept.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, write nothing.")] = False,
    user: AS_USER = "",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Read stored records anew, as the program or a mapping reads them today; the figures follow."""
    from app.services.people import someone
    from app.services.reparse import reparse as read_anew

    store = open_workspace(workspace)
    found = read_anew(
        store, connection, stream, by=someone(store, user, entry="cli"), dry_run=dry_run, progress=progress,
        mapping=None if mapping is None else _mapping(mapping),
    )  # fmt: skip
    emit(
        [
            {"stream": f"{a.connection}/{a.stream}", "records": a.done.records, "changed": a.done.changed,
             "outcomes": {f"{old} -> {new}": n for (old, new), n in a.done.outcomes.items()},
             **({"fact_rows": {t: {"added": x, "removed": y} for t, (x, y) in a.done.tables.items()}}
                if a.done.tables is not None else {})}
            for a in found
        ],
        chosen,
    )  # fmt: skip


@commands.command("map")
def map_code(
    connection: Annotated[str, typer.Argument(help="Whose code it is.")],
    kind: Annotated[str, typer.Argument(help="sku or location.")],
    external: Annotated[str, typer.Argument(help="Their code.")],
    ours: Annotated[str | None, typer.Argument(help="Ours; leave it out with --undo.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the mapping back.")] = False,
    user: AS_USER = "",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Say which of our codes another system's code means; what waited for it is read again at once."""
    from app.services.mapping import set_mapping, unset_mapping
    from app.services.people import someone
    from data.errors import RequestError

    store = open_workspace(workspace)
    by = someone(store, user, entry="cli")
    if undo == (ours is not None):
        raise RequestError("give our code, or --undo to take a mapping back")
    if ours is None:
        done = unset_mapping(store, connection, kind, external, by=by)
    else:
        done = set_mapping(store, connection, kind, external, ours, by=by)
    note(done.words)
    emit(
        [{"connection": connection, "kind": kind, "external": external, "ours": ours, "records": done.records,
          "changed": done.changed}],
        chosen,
    )  # fmt: skip


@commands.command()
def mappings(connection: CONNECTION = None, workspace: WORKSPACE = "mine", chosen: FORMAT = Format.table) -> None:
    """List which of our codes other systems' codes mean, who said so and when."""
    from app.services.mapping import mappings as list_mappings

    emit(
        [
            {"connection": m.connection, "kind": m.kind, "external": m.external, "ours": m.ours, "by": m.by, "at": m.at}
            for m in list_mappings(open_workspace(workspace), connection)
        ],
        chosen,
    )


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
    if wrong := plan.count_dead_letters():
        note(f"  {wrong:,} of the {plan.rows:,} rows cannot be taken, whatever rule they fall under:")
    for bad in plan.dead_letters(SHOWN):
        note(f"  {bad.error_class}: {bad.message}")
    if (more := wrong - SHOWN) > 0:
        note(f"  … and {more:,} more rows that cannot be taken")


def _planned(plan: Plan, chosen: Format) -> dict[str, Any]:
    """Give what a file would become; people were told the rules and the bad rows already."""
    bad = plan.count_dead_letters()
    counts = {
        "file": plan.name, "rows": plan.rows, "good": plan.rows - bad, "dead_letters": bad, "exported": plan.instant,
    }  # fmt: skip
    if chosen is Format.table:
        taken: Counter[str] = Counter()
        for group in plan.groups:
            taken[group.states or "ignored"] += group.frame.height
        return {**counts, "read_as": ", ".join(f"{what} {rows:,}" for what, rows in taken.items() if rows)}
    return {
        **counts, "rules": plan.rules,
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


def _grouped(group: Class) -> dict[str, Any]:
    return {
        "connection": group.connection, "stream": group.stream, "class": group.error_class, "letters": group.letters,
        "first": group.first_at, "last": group.last_at, "example": group.example, "place": group.place or None,
        "error": group.error,
    }  # fmt: skip


def _cells(body: bytes) -> dict[str, Any]:
    try:
        cells = json.loads(body)
    except ValueError:
        cells = None
    return cells if isinstance(cells, dict) else {"*bytes": body.decode(errors="backslashreplace")}


def _without_marks(cells: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only says why a row could not be read."""
    return {name: cell for name, cell in cells.items() if not name.startswith("*")}


def _set(sets: Sequence[str], cells: dict[str, Any], columns: Sequence[str] | None) -> dict[str, Any]:
    """Read the right cells; a row of a file has its columns and no others, any other record what it is given."""
    from data.errors import RequestError
    from ingest.files.convert import find_column

    changed: dict[str, Any] = {}
    for text in sets:
        given, equals, value = text.partition("=")
        if not equals:
            raise RequestError(f"--set {text!r}: write COLUMN=TEXT; the record has {', '.join(columns or cells)}")
        name = given if columns is None else find_column(given, columns)
        if name is None:
            raise RequestError(
                f"--set {text!r}: there is no column {given!r}; the record has {', '.join(columns or ())}"
            )
        changed[name] = value
    return changed


def _read_body(file: Path) -> bytes:
    from data.errors import RequestError

    try:
        return file.read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read {file}: {error.strerror}") from error


def _replay(
    store: Store,
    which: Sequence[int] | Wanted,
    user: str,
    chosen: Format,
    *,
    edited: bytes | None = None,
    mapping: Mapping | None = None,
) -> None:
    """Replay records, print what became of each, and say it in one sentence."""
    from app.services.dead_letters import replay, replay_all
    from app.services.people import someone
    from data.errors import RequestError
    from data.log.dead_letters import Wanted

    who = someone(store, user, entry="cli")
    if isinstance(which, Wanted):
        report = replay_all(store, which, by=who, mapping=mapping, progress=progress)
    else:
        report = replay(store, which, by=who, edited=edited, mapping=mapping, progress=progress)
    if report.results and all(r.outcome == "refused" for r in report.results):
        raise RequestError(report.results[0].error or report.words)
    note(report.words)
    emit(
        [{"record": r.record, "place": r.place, "outcome": r.outcome, "error": r.error} for r in report.results], chosen
    )
