"""`fillwell connect`: test a system, see what will be read and written, keep where it is, and fly the canary."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import AS_USER, FORMAT, WORKSPACE, Format, as_json, as_table, note, open_workspace, settings

if TYPE_CHECKING:
    from actions.people import Person
    from app.services.connecting import Tested
    from data.store import Store
    from ingest.canary import Flight
    from ingest.connections import Connection

SYSTEM = Annotated[str | None, typer.Argument(metavar="[SYSTEM]", help="medusa, tryton, or a system of the sandbox.")]
URL = Annotated[str | None, typer.Option("--url", help="Where it is; of Tryton with the database at its end.")]
NAME = Annotated[str, typer.Option("--name", help="What you call it; its system's name where you do not say.")]
USER = Annotated[str, typer.Option("--user", help="Who logs in, for a system that has users.")]
KEY_FROM = Annotated[
    str, typer.Option("--key-from", metavar="REFERENCE", help="env:NAME, file:PATH or keyring:NAME; asked for without.")
]
CURRENCY = Annotated[str, typer.Option("--currency", help="Of amounts that name none.")]
ORDERS_FROM = Annotated[str, typer.Option("--orders-from", help="The connection whose order numbers it refers to.")]
STOCK_FROM = Annotated[str, typer.Option("--stock-from", help="The connection that owns the stock.")]
ITEMS_FROM = Annotated[str, typer.Option("--items-from", help="The connection whose item codes are the catalogue.")]
HOOKS_FROM = Annotated[
    str, typer.Option("--hooks-from", metavar="REFERENCE", help="The secret with which it signs what it posts to us.")
]
AGAIN = Annotated[str, typer.Option("--again", metavar="NAME", help="Test one that is connected already.")]
CANARY = Annotated[
    str | None, typer.Option("--canary", metavar="SKU", help="The item of the first write; any where it is 'any'.")
]
NO_CANARY = Annotated[bool, typer.Option("--no-canary", help="Write nothing; the first action is the first write.")]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Test only: keep nothing, write nothing.")]
ANY = "any"


def register(program: typer.Typer) -> None:
    """Add the command of this module to the program."""
    program.command("connect")(connect)


def connect(
    system: SYSTEM = None,
    url: URL = None,
    name: NAME = "",
    user: USER = "",
    key_from: KEY_FROM = "",
    currency: CURRENCY = "",
    orders_from: ORDERS_FROM = "",
    stock_from: STOCK_FROM = "",
    items_from: ITEMS_FROM = "",
    hooks_from: HOOKS_FROM = "",
    again: AGAIN = "",
    canary: CANARY = None,
    no_canary: NO_CANARY = False,
    dry_run: DRY_RUN = False,
    who: AS_USER = "",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Connect a system: its key is tested first; nothing is written but the canary, which is put back."""
    from app.services import connecting
    from app.services.people import someone
    from data.errors import RequestError
    from ingest.connections import Connection

    store = open_workspace(workspace, create=True)
    by = someone(store, who, entry="cli")
    env, key = dict(os.environ), ""
    key_from, hooks_from = _from_anywhere(key_from), _from_anywhere(hooks_from)
    if again:
        wanted = connecting.known(store, again)
    else:
        if system is None or url is None:
            raise RequestError("say what to connect, such as `fillwell connect medusa --url https://shop.example`")
        wanted = Connection(
            system=system, url=url, token=key_from or f"env:{connecting.UNKEPT}", name=name or system, user=user,
            currency=currency.upper(), orders_from=orders_from, stock_from=stock_from, items_from=items_from,
            webhook_secrets=(hooks_from,) if hooks_from else (),
        )  # fmt: skip
        connecting.require_new(store, wanted.name)
        if not key_from:
            key = _ask(system, url)
            env = connecting.with_unkept(env, key)
    note(f"testing {wanted.name} at {wanted.url}")
    tested = connecting.test(store, wanted, env)
    if chosen == Format.table:
        _show(tested)
    if not again and not dry_run:
        wanted = connecting.save(store, settings(), wanted, by, key=key)
        if key:
            note(f"the key is kept in {wanted.token.partition(':')[0]}: {wanted.token}")
        note(f"{wanted.name} is connected; a running desk reads it within seconds")
        if wanted.webhook_secrets:
            note(f"let it post what changes to http://127.0.0.1:{settings().engine_port}/hooks/{wanted.name}")
    flight = None if dry_run or no_canary else _canary(store, wanted, env, by, canary)
    if chosen != Format.table:
        typer.echo(as_json(_told(tested, flight)))
    if flight is not None and not flight.good:
        raise typer.Exit(1)


def _from_anywhere(reference: str) -> str:
    """Make a file's path hold wherever the engine is started from."""
    kind, _, where = reference.partition(":")
    return f"file:{Path(where).expanduser().absolute()}" if kind == "file" and where else reference


def _ask(system: str, url: str) -> str:
    """Ask for a key without showing it; one line of standard input where nobody sits at a terminal."""
    from app.services.connecting import ASKS

    what = ASKS[system].key if system in ASKS else "Token"
    if sys.stdin.isatty():
        return str(typer.prompt(f"{url}: {what}", hide_input=True, err=True))
    return sys.stdin.readline().strip()


def _show(tested: Tested) -> None:
    """Print what the test found: who it is, its rights, what will be read and written."""
    typer.echo("; ".join(f"{what}: {says}" for what, says in tested.probe.about))
    typer.echo(f"rights: {tested.probe.rights}")
    for text in tested.notes:
        typer.echo(f"note: {text}")
    typer.echo("\nwill be read")
    typer.echo(as_table(_reads(tested)))
    typer.echo("\nmay be written, by an approved action alone")
    typer.echo(as_table(_writes(tested)) if tested.writes else "nothing")


def _reads(tested: Tested) -> list[dict[str, Any]]:
    return [
        {"stream": r.stream, "every": r.pace, "records": r.records, "allowed": not r.lacks,
         **({"lacks": r.lacks} if r.lacks else {})}
        for r in tested.reads
    ]  # fmt: skip


def _writes(tested: Tested) -> list[dict[str, Any]]:
    return [
        {"verb": w.verb, "allowed": f"no: lacks {w.lacks}" if w.lacks else "yes", "means": w.means}
        for w in tested.writes
    ]


def _canary(store: Store, connection: Connection, env: dict[str, str], by: Person, sku: str | None) -> Flight | None:
    """Choose, show, ask and fly; None where the system is only read or a person says no."""
    from app.services import connecting
    from data.errors import RequestError
    from ingest.canary import kinds

    if not kinds(connection.system):
        return None
    waiting = connecting.unfinished(store, connection.name)
    if waiting is None and sku is None:
        if not sys.stdin.isatty():
            note("no canary was flown: name an item with --canary SKU, or say --no-canary")
            return None
        sku = str(
            typer.prompt("Item for the first write, which is put back (an SKU, any, or no)", default=ANY, err=True)
        )
        if sku.lower() in ("no", "n"):
            return None
    picked = connecting.choose_canary(store, connection, env, "" if sku in (None, ANY) else str(sku))
    if waiting is not None:
        note("a canary was cut off before its end; it is finished first")
    note(f"canary: {picked.words}")
    flight = connecting.fly(store, connection, env, picked, by)
    for line in flight.lines:
        note(f"  {'ok ' if line.holds else 'NO '} {line.step}: sent {line.sent}; read back: {line.seen}")
    if flight.left:
        raise RequestError(f"the canary did not come home: {flight.left}")
    note("the canary came home: written, read back and put back" if flight.good else "the system refused the canary")
    return flight


def _told(tested: Tested, flight: Flight | None) -> dict[str, Any]:
    return {
        "connection": tested.connection.name,
        "system": tested.connection.system,
        "about": dict(tested.probe.about),
        "rights": tested.probe.rights,
        "notes": list(tested.notes),
        "reads": _reads(tested),
        "writes": _writes(tested),
        "canary": None
        if flight is None
        else {
            "good": flight.good,
            "left": flight.left,
            "steps": [{"step": x.step, "sent": x.sent, "seen": x.seen, "holds": x.holds} for x in flight.lines],
        },
    }
