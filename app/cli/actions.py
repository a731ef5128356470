"""`fillwell actions`: plan, approve, send, verify and take back corrections; the switches that hold them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.cases import acting, emit_rows, open_desk_of, report
from app.cli.common import AS_USER, FORMAT, WORKSPACE, Format, as_json, as_table, emit, named, note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.desk import Desk
    from actions.planning import Planned
    from actions.targets import Targets
    from actions.view import View

commands = typer.Typer(no_args_is_help=True)

ACTIONS = Annotated[list[int], typer.Argument(help="Numbers of actions.")]
ACTION = Annotated[int, typer.Argument(help="The action's number.")]

CHOICE = "Choose otherwise, by what the action takes: quantity=5 for a listing, units=4 for a draft."
MOST_AT_ONCE = 100_000
SHOWN = (
    "id", "case_id", "type", "status", "target", "direction", "value_minor", "planned_by", "planned_at", "attempts",
    "outcome",
)  # fmt: skip


@commands.command()
def plan(
    case: Annotated[int, typer.Argument(help="The case's number.")],
    type: Annotated[str | None, typer.Option("--type", help="Another action than the suggested one.")] = None,  # noqa: A002 -- the word of the option
    choice: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=CHOICE)] = None,
    workspace: WORKSPACE = "mine",
    user: AS_USER = "",
    chosen: FORMAT = Format.table,
) -> None:
    """Plan a correction and show its card: the exact request, before and after, why, limits. Nothing is changed."""
    from actions.outbox import plan as plan_action

    desk = open_desk_of(workspace)
    choices = _choices(choice or [])
    targets, view = _remotes(desk)
    made = plan_action(desk, view, case, by=acting(desk, user), targets=targets, type=type, choice=choices)
    _show_plan(made, chosen)


@commands.command()
def approve(actions: ACTIONS, workspace: WORKSPACE = "mine", user: AS_USER = "", chosen: FORMAT = Format.table) -> None:
    """Approve planned actions; above the four-eyes value somebody else must too."""
    from actions.outbox import approve as approve_action

    desk = open_desk_of(workspace)
    who = acting(desk, user)
    steps = [approve_action(desk, number, by=who) for number in actions]
    _tell_of_ladder(desk, [step.id for step in steps if not step.done])
    report(steps, chosen)


def _tell_of_ladder(desk: Desk, refused: Sequence[int]) -> None:
    """Say how an admin lets people approve what is only drawn until then."""
    from actions.outbox import actions as listed
    from actions.policy import policies

    drawn = {p.type for p in policies(desk) if p.ladder == "draft"}
    kinds = {row["type"] for row in listed(desk, status="planned", limit=MOST_AT_ONCE) if row["id"] in refused}
    for kind in sorted(kinds & drawn):
        note(f"to let people approve {kind}: `fillwell actions policy {kind} --ladder approve`")


@commands.command()
def send(actions: ACTIONS, workspace: WORKSPACE = "mine", user: AS_USER = "", chosen: FORMAT = Format.table) -> None:
    """Send approved actions now, each once; a running engine does so by itself."""
    from actions.outbox import send as send_action

    desk = open_desk_of(workspace)
    who, targets = acting(desk, user), _connected(desk)
    report([send_action(desk, number, by=who, targets=targets) for number in actions], chosen)


@commands.command()
def verify(actions: ACTIONS, workspace: WORKSPACE = "mine", user: AS_USER = "", chosen: FORMAT = Format.table) -> None:
    """Read the remote back and judge what was sent."""
    from actions.outbox import verify as verify_action

    desk = open_desk_of(workspace)
    who, targets = acting(desk, user), _connected(desk)
    report([verify_action(desk, number, by=who, targets=targets) for number in actions], chosen)


@commands.command()
def run(
    actions: Annotated[list[int] | None, typer.Argument(help="Numbers of actions.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every planned action, the oldest first.")] = False,
    type: Annotated[str | None, typer.Option("--type", help="With --all: only of this type.")] = None,  # noqa: A002 -- the word of the field
    workspace: WORKSPACE = "mine",
    user: AS_USER = "",
    chosen: FORMAT = Format.table,
) -> None:
    """Approve, send and verify many in waves: one, then ten, then the rest; it stops at the first failure.

    Run it again to go on after a stop: what is done is not done twice.
    """
    from actions.outbox import actions as listed
    from actions.outbox import bulk
    from data.errors import RequestError

    desk = open_desk_of(workspace)
    if every == bool(actions):
        raise RequestError("give the numbers of actions, or --all for every planned one")
    planned = listed(desk, status="planned", limit=MOST_AT_ONCE)
    oldest_first = [row["id"] for row in reversed(planned) if type in (None, row["type"])]
    steps = bulk(desk, oldest_first if every else actions or [], by=acting(desk, user), targets=_connected(desk))
    report(steps, chosen)


@commands.command()
def cancel(actions: ACTIONS, workspace: WORKSPACE = "mine", user: AS_USER = "", chosen: FORMAT = Format.table) -> None:
    """Take back intents that were not sent yet."""
    from actions.outbox import cancel as cancel_action

    desk = open_desk_of(workspace)
    who = acting(desk, user)
    report([cancel_action(desk, number, by=who) for number in actions], chosen)


@commands.command()
def undo(action: ACTION, workspace: WORKSPACE = "mine", user: AS_USER = "", chosen: FORMAT = Format.table) -> None:
    """Plan the command that takes an action back; it is approved and sent like any other."""
    from actions.outbox import undo as undo_action

    desk = open_desk_of(workspace)
    targets, view = _remotes(desk)
    _show_plan(undo_action(desk, view, action, by=acting(desk, user), targets=targets), chosen)


@commands.command("list")
def show_actions(
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
    status: Annotated[str | None, typer.Option(help="Only in this status.")] = None,
    case: Annotated[int | None, typer.Option(help="Only of this case.")] = None,
) -> None:
    """List actions, the newest first."""
    from actions.outbox import actions
    from actions.rows import STATUSES

    status = named("status", status, STATUSES)
    emit_rows(actions(open_desk_of(workspace), status=status, case=case), SHOWN, chosen)


@commands.command()
def pause(
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the audit log.")] = "",
    workspace: WORKSPACE = "mine",
    user: AS_USER = "",
) -> None:
    """Kill switch: no remote is called any more; every intent is kept."""
    from actions.policy import pause as pause_all

    desk = open_desk_of(workspace)
    pause_all(desk, by=acting(desk, user), reason=reason)
    note("paused: nothing is sent or read back until `fillwell actions resume`")


@commands.command()
def resume(workspace: WORKSPACE = "mine", user: AS_USER = "") -> None:
    """Let remote calls happen again."""
    from actions.policy import resume as resume_all

    desk = open_desk_of(workspace)
    resume_all(desk, by=acting(desk, user))
    note("resumed")


@commands.command("dry-run")
def dry_run(
    on: Annotated[bool, typer.Option("--on/--off", help="Turn it on or off.")] = True,
    workspace: WORKSPACE = "mine",
    user: AS_USER = "",
) -> None:
    """Dry-run mode: cards as usual, no remote is called."""
    from actions.policy import set_dry_run

    desk = open_desk_of(workspace)
    set_dry_run(desk, on=on, by=acting(desk, user))
    note(f"dry-run mode is {'on' if on else 'off'}")


@commands.command()
def policy(
    type: Annotated[str | None, typer.Argument(help="A type of action; all where none is given.")] = None,  # noqa: A002 -- the word of the field
    ladder: Annotated[str | None, typer.Option(help="off, shadow, draft, approve or auto.")] = None,
    most_minor: Annotated[int | None, typer.Option(help="Most that one action may move, minor units.")] = None,
    most_a_day: Annotated[int | None, typer.Option(help="Most actions in 24 hours.")] = None,
    second_above_minor: Annotated[int | None, typer.Option(help="Above it a second person must approve.")] = None,
    workspace: WORKSPACE = "mine",
    user: AS_USER = "",
    chosen: FORMAT = Format.table,
) -> None:
    """Show or change what each type of action may do."""
    from dataclasses import asdict

    from actions.policy import policies, set_policy

    desk = open_desk_of(workspace)
    given: dict[str, Any] = {
        "ladder": ladder, "most_minor": most_minor, "most_a_day": most_a_day, "second_above_minor": second_above_minor
    }  # fmt: skip
    changed = {name: value for name, value in given.items() if value is not None}
    if type is not None and changed:
        set_policy(desk, type, by=acting(desk, user), **changed)
    emit([asdict(p) for p in policies(desk) if type in (None, p.type)], chosen)


@commands.command()
def user(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[str, typer.Option(help="viewer, operator, approver or admin.")],
    workspace: WORKSPACE = "mine",
    by: AS_USER = "",
) -> None:
    """Add a user or change a role."""
    from actions.people import set_user

    desk = open_desk_of(workspace)
    set_user(desk, name, role, by=acting(desk, by))
    note(f"{name} is {role}")


@commands.command("log")
def show_log(
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
    limit: Annotated[int, typer.Option(min=1, help="How many rows.")] = 50,
) -> None:
    """Show the audit log, the newest first, and whether its chain is whole."""
    from actions import audit
    from actions.desk import moment

    desk = open_desk_of(workspace)
    audit.seal(desk)
    rows: list[dict[str, Any]] = audit.entries(desk, limit=limit)
    emit([{**row, "at": moment(row["at"])} for row in rows], chosen)
    proof, head = audit.verify(desk), audit.head(desk)
    note(f"{proof.words}; head {head.hash if head else 'none'}")
    if not proof.whole:
        raise typer.Exit(1)


def _show_plan(made: Planned, chosen: Format) -> None:
    import msgspec

    told = {
        "action": made.action,
        "created": made.created,
        "words": made.words,
        "card": None if made.card is None else msgspec.to_builtins(made.card),
    }
    if chosen is Format.json:
        typer.echo(as_json(told))
    elif chosen is Format.csv:
        emit([{name: told[name] for name in ("action", "created", "words")}], chosen)
    else:
        typer.echo(made.words)
        if isinstance(told["card"], dict):
            typer.echo(as_table([{"field": name, "value": value} for name, value in _card_lines(told["card"])]))
    if made.action is None:
        raise typer.Exit(1)


def _card_lines(card: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Write a card line by line; its words stand above it, and what is empty is left out."""
    request = card["request"]
    if request is not None:
        yield "request", f"{request['method']} {request['path']} {json.dumps(request['body'], ensure_ascii=False)}"
    for change in card["changes"]:
        was = f"{change['before']} → {change['after']}"
        yield "change", f"{change['system']} {change['thing']}: {change['field']} {was}"
    for name, value in card.items():
        if name in ("words", "request", "changes") or value in (None, ""):
            continue
        if isinstance(value, list | tuple):
            yield from ((name.replace("_", " "), one) for one in value)
        else:
            yield name.replace("_", " "), value


def _choices(given: list[str]) -> dict[str, int | str]:
    from data.errors import RequestError

    chosen: dict[str, int | str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise RequestError(f"--set {pair!r}: give NAME=VALUE, such as quantity=5")
        chosen[name] = value
    return chosen


def _connected(desk: Desk) -> Targets:
    """Connect to the workspace's systems."""
    from app.connect import connect

    return connect(desk.store, os.environ).targets(desk.store, desk.clock)


def _remotes(desk: Desk) -> tuple[Targets, View]:
    """See the workspace's facts and its systems."""
    from app.services.acting import view_of

    return _connected(desk), view_of(desk.store, desk.clock())
