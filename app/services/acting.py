"""The desk's hand on cases and actions. It writes to the desk's database only: the engine sends and reads back.

A fix is planned against what the log last heard of the thing; the write itself is compare-and-set, so a thing that
changed since is refused by the remote and never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, TypeVar

from actions import cases, planning, policy, rows, watching
from actions.cases import Step
from actions.desk import Desk, open_desk
from actions.people import Person, person
from actions.planning import Planned
from actions.policy import Policy
from actions.targets import OWN, Target
from actions.view import Account, View
from app.connect import accounts_of, connections_of
from app.services.clock import business_now
from app.services.freshness import read_streams
from app.services.projection import newest_projection
from app.services.schedules import schedules
from app.services.workspace import facts
from data.clock import system_clock
from data.errors import FillwellError, RequestError
from data.events import Event
from data.log.lookup import last_heard
from data.store import Store
from ingest.adapter import WriteRequest, WriteResult

T = TypeVar("T")
Chosen = Sequence[tuple[int, int]]  #: (case id, the version that the person saw)


@lru_cache(maxsize=4)
def desk_of(store: Store) -> Desk:
    """Open the desk's database of a workspace, on its business clock."""
    return open_desk(store, clock=lambda: business_now(store), transport=system_clock)


def local_person(store: Store) -> Person:
    """Tell who acts where nobody signs in."""
    return person(desk_of(store), None, entry="desk")


@dataclass(frozen=True)
class LastHeard:
    """A remote system as the log last heard of it: it can be looked at, never called."""

    store: Store
    connection: str
    system: str = ""

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Refuse: the engine sends.

        Raises:
            RequestError: always.
        """
        raise RequestError(f"the desk sends nothing ({request.method} {key}); the engine does")

    def read_back(self, stream: str, key: str) -> Event | None:
        """Give what the connection last said of a thing."""
        with self.store.log.read() as conn:
            return last_heard(conn, self.connection, stream, key)

    def refresh(self, stream: str) -> int:
        """Refuse: the engine reads.

        Raises:
            RequestError: always.
        """
        raise RequestError(f"the desk reads nothing from {self.connection}/{stream}; the engine does")


def targets(store: Store) -> Mapping[str, Target]:
    """Give every connection as the log last heard of it; one that is not configured now is the system of its name."""
    systems = {name: account.system for name, account in accounts(store).items()}
    names = {s.connection for s in read_streams(store)}
    return {
        **{name: LastHeard(store, name, systems.get(name, name)) for name in names},
        OWN: LastHeard(store, OWN, OWN),
    }


def accounts(store: Store) -> Mapping[str, Account]:
    """Say what is configured of each connection; nothing where that cannot be read now."""
    try:
        return accounts_of(connections_of(store))
    except FillwellError:  # a demo that is not open, a file that is being edited: Health says so
        return {}


def view_of(store: Store, now: datetime) -> View:
    """Take the view that plans are made on."""
    projected = newest_projection(store, now)
    return View(
        facts=facts(store),
        now=now,
        projection=projected.frame,
        projected_from=projected.published_at,
        statuses=read_streams(store),
        schedules=schedules(store),
        accounts=accounts(store),
    )


def plan(store: Store, now: datetime, chosen: Chosen) -> list[tuple[int, Planned | str]]:
    """Plan the suggested fix of each case that still is as it was seen; a refusal is a sentence."""
    seen = view_of(store, now)
    desk, who = desk_of(store), local_person(store)

    def make(case_id: int) -> Planned:
        return planning.plan(desk, seen, case_id, by=who, targets=targets(store))

    return [(case_id, _told(partial(_as_seen, store, case_id, version, make))) for case_id, version in chosen]


def choose(
    store: Store, now: datetime, seen: tuple[int, int], choice: Mapping[str, int | str], kind: str | None = None
) -> Planned | str:
    """Plan a fix of a case the way that a person chose; a refusal is a sentence."""
    case_id, version = seen
    view, desk, who = view_of(store, now), desk_of(store), local_person(store)

    def make(number: int) -> Planned:
        return planning.plan(desk, view, number, by=who, targets=targets(store), type=kind, choice=choice)

    return _told(partial(_as_seen, store, case_id, version, make))


def approve(store: Store, action_ids: Sequence[int]) -> list[Step]:
    """Approve planned actions; the engine sends them."""
    desk, who = desk_of(store), local_person(store)
    return [_step(a, partial(planning.approve, desk, a, by=who)) for a in action_ids]


def cancel(store: Store, action_ids: Sequence[int]) -> list[Step]:
    """Take back intents that were not sent yet."""
    desk, who = desk_of(store), local_person(store)
    return [_step(a, partial(planning.cancel, desk, a, by=who)) for a in action_ids]


def claim(store: Store, chosen: Chosen) -> list[Step]:
    """Take cases."""
    desk, who = desk_of(store), local_person(store)
    return _each(store, chosen, lambda case_id: cases.claim(desk, case_id, by=who))


def snooze(store: Store, chosen: Chosen, *, hours: int, reason: str) -> list[Step]:
    """Put cases off for so many business hours."""
    desk, who = desk_of(store), local_person(store)
    until = desk.clock() + timedelta(hours=hours)
    return _each(store, chosen, lambda case_id: cases.snooze(desk, case_id, by=who, until=until, reason=reason))


def dismiss(store: Store, chosen: Chosen, *, reason: str) -> list[Step]:
    """Say of cases that they are no problem, and why."""
    desk, who = desk_of(store), local_person(store)
    return _each(store, chosen, lambda case_id: cases.dismiss(desk, case_id, by=who, reason=reason))


def standstill(store: Store) -> str | None:
    """Say why nothing is sent now; None where it is."""
    with desk_of(store).read() as conn:
        return policy.standstill(conn)


def pause(store: Store) -> None:
    """Stop every write to every system at once; what was approved is kept."""
    policy.pause(desk_of(store), by=local_person(store), reason="from the desk")


def resume(store: Store) -> None:
    """Let approved writes be sent again."""
    policy.resume(desk_of(store), by=local_person(store))


def ladder(store: Store, kind: str) -> Policy:
    """Tell how far a type of action has climbed: off, shadow, draft, approve or auto."""
    with desk_of(store).read() as conn:
        return policy.policy_of(conn, kind)


def allow(store: Store, kind: str) -> None:
    """Let people approve a type of action, which until now only drew its cards."""
    policy.set_policy(desk_of(store), kind, by=local_person(store), ladder="approve")


def noted(store: Store) -> list[watching.Noted]:
    """Give the detectors that only note what they find, with how much that is."""
    return watching.noted(desk_of(store))


def enable(store: Store, detector: str) -> None:
    """Let a detector speak before its first week is over."""
    watching.enable(desk_of(store), [detector], by=local_person(store))


def undo(store: Store, now: datetime, action_id: int) -> Planned:
    """Plan the command that takes an action back; it waits for approval like any other.

    Raises:
        RequestError: it cannot be taken back.
    """
    return planning.undo(desk_of(store), view_of(store, now), action_id, by=local_person(store), targets=targets(store))


def actions_of(store: Store, case_id: int) -> list[dict[str, Any]]:
    """List a case's actions, the newest first."""
    return rows.actions(desk_of(store), case=case_id)


def _each(store: Store, chosen: Chosen, act: Callable[[int], Step]) -> list[Step]:
    return [_step(case_id, partial(_as_seen, store, case_id, version, act)) for case_id, version in chosen]


def _as_seen(store: Store, case_id: int, version: int, act: Callable[[int], T]) -> T:
    """Act only on what the person saw: a case that changed since is left alone and says so."""
    desk = desk_of(store)
    with desk.read() as conn:
        now = cases.load(conn, case_id)
    if now["version"] != version:
        raise RequestError(f"it changed since you looked: it is {now['status']} now; look again")
    return act(case_id)


def _step(number: int, act: Callable[[], Step]) -> Step:
    try:
        return act()
    except FillwellError as error:
        return Step(number, "refused", False, str(error))


def _told(act: Callable[[], Planned]) -> Planned | str:
    try:
        return act()
    except FillwellError as error:
        return str(error)
