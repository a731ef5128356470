"""`fillwell cases`: the queue of exceptions, one case with its proof, and the work on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import (
    AS_USER,
    FORMAT,
    WORKSPACE,
    Format,
    as_json,
    as_table,
    emit,
    named,
    note,
    open_workspace,
    tell_unknown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.cases import Step
    from actions.desk import Desk
    from actions.people import Person

commands = typer.Typer(no_args_is_help=True)

CASE = Annotated[int, typer.Argument(help="The case's number.")]
REASON = Annotated[str, typer.Option("--reason", help="Why; it tunes the detector.")]

#: What a person wants to see of a case in a list; programs get everything.
SHOWN = (
    "id", "detector", "status", "title", "lost_by_shift_end_minor", "expected_loss_minor", "exposed_minor", "currency",
    "deadline", "suggested", "assignee",
)  # fmt: skip


@commands.command("list")
def show_queue(
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
    detector: Annotated[str | None, typer.Option(help="Only of this detector, such as X02.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this status.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only of this channel.")] = None,
    location: Annotated[str | None, typer.Option(help="Only of this location.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only of this item.")] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Also of detectors in their first week.")] = False,
    below_line: Annotated[bool, typer.Option("--below-line", help="Also beyond the daily budget.")] = False,
    children: Annotated[bool, typer.Option("--children", help="Also those counted under another case.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Resolved and dismissed ones instead.")] = False,
) -> None:
    """List cases: what costs most until the shift ends first, then by deadline."""
    from actions.cases import ENDED, LIVE, Filters, queue, there_are

    detector, status = _detector(detector), named("status", status, (*LIVE, *ENDED))
    filters = Filters(
        detector=detector, status=status, channel=channel, location=location, sku=sku, shadow=shadow,
        below_line=below_line, children=children, closed=closed,
    )  # fmt: skip
    desk = open_desk_of(workspace)
    for what, given in (("channel", channel), ("location", location), ("sku", sku)):
        tell_unknown(what, given, there_are(desk, what))
    emit_rows(queue(desk, filters), SHOWN, chosen)
    if not shadow and not closed:
        _tell_of_noted(desk, detector)


def _detector(given: str | None) -> str | None:
    from actions.registry import detectors
    from actions.write_back import WRITE_BACK

    return named("detector", given, (*detectors(), WRITE_BACK))


def _tell_of_noted(desk: Desk, detector: str | None) -> None:
    """Say that there is more than is listed: what detectors in their first week found is only noted."""
    from actions.watching import noted

    quiet = [one for one in noted(desk) if detector in (None, one.id)]
    if quiet:
        names = " ".join(one.id for one in quiet)
        note(
            f"{sum(one.cases for one in quiet)} more are only noted, in the first week of {names}: see them with "
            f"--shadow, bring them into the queue with `fillwell cases enable {names}`"
        )


@commands.command("enable")
def enable_detectors(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[DETECTOR]…", help="Such as X14; none lists what was only noted.")
    ] = None,
    workspace: WORKSPACE = "mine",
    user: AS_USER = "",
    chosen: FORMAT = Format.table,
) -> None:
    """End the first week of detectors, in which they only note: their cases are in the queue from now on."""
    from actions.watching import enable, noted
    from app.services.words import plural

    desk = open_desk_of(workspace)
    if names:
        names = [_detector(name) or name for name in names]
        came = enable(desk, names, by=acting(desk, user))
        note(f"{', '.join(names)}: {plural(came, 'case')} came into the queue; what is found from now on comes at once")
        return
    emit([{"detector": n.id, "title": n.title, "cases": n.cases, "until": n.until} for n in noted(desk)], chosen)


@commands.command()
def show(case: CASE, workspace: WORKSPACE = "mine", chosen: FORMAT = Format.table) -> None:
    """Show one case: what should be, what the other system says, the evidence, the history."""
    from actions.cases import show as show_case

    found = show_case(open_desk_of(workspace), case)
    if chosen is Format.csv:
        emit([{name: value for name, value in found.items() if not isinstance(value, list | dict)}], chosen)
    elif chosen is Format.json:
        typer.echo(as_json(found))
    else:
        told = {name: value for name, value in found.items() if name not in ("history", "lines", "actions")}
        typer.echo(as_table([{"field": name, "value": value} for name, value in told.items() if value is not None]))
        for part in ("history", "actions"):
            typer.echo(f"\n{part}\n{as_table(found[part])}")


@commands.command()
def claim(case: CASE, workspace: WORKSPACE = "mine", user: AS_USER = "", chosen: FORMAT = Format.table) -> None:
    """Take a case."""
    from actions.cases import claim as claim_case

    desk = open_desk_of(workspace)
    report([claim_case(desk, case, by=acting(desk, user))], chosen)


@commands.command()
def dismiss(
    case: CASE, reason: REASON, workspace: WORKSPACE = "mine", user: AS_USER = "", chosen: FORMAT = Format.table
) -> None:
    """Say that a case is not a problem, and why; it stays quiet while it lasts."""
    from actions.cases import dismiss as dismiss_case

    desk = open_desk_of(workspace)
    report([dismiss_case(desk, case, by=acting(desk, user), reason=reason)], chosen)


@commands.command()
def snooze(
    case: CASE,
    reason: REASON,
    hours: Annotated[float, typer.Option(min=0.01, help="For how long.")] = 24.0,
    workspace: WORKSPACE = "mine",
    user: AS_USER = "",
    chosen: FORMAT = Format.table,
) -> None:
    """Put a case off for some hours."""
    from datetime import timedelta

    from actions.cases import snooze as snooze_case

    desk = open_desk_of(workspace)
    until = desk.clock() + timedelta(hours=hours)
    report([snooze_case(desk, case, by=acting(desk, user), until=until, reason=reason)], chosen)


def open_desk_of(workspace: str) -> Desk:
    """Open the desk of a workspace on its business clock."""
    from actions.desk import open_desk
    from app.services.clock import business_now

    store = open_workspace(workspace)
    return open_desk(store, clock=lambda: business_now(store))


def acting(desk: Desk, user: str) -> Person:
    """Find who acts on the command line."""
    from actions.people import person

    return person(desk, user or None, entry="cli")


def emit_rows(rows: Sequence[Mapping[str, Any]], shown: Sequence[str], chosen: Format) -> None:
    """Print everything for programs and the telling columns for people."""
    if chosen is Format.table:
        rows = [{name: row[name] for name in shown} for row in rows]
    emit(rows, chosen)


def report(steps: Sequence[Step], chosen: Format) -> None:
    """Print what became of a request; exit code 1 where any of it was not done."""
    emit([{"id": s.id, "status": s.status, "done": s.done, "words": s.words} for s in steps], chosen)
    if not all(step.done for step in steps):
        note("not everything was done; the words say why")
        raise typer.Exit(1)
