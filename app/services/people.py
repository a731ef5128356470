"""Who may mend what was brought in, and the note of what was mended, in the same audit log as every action."""

from __future__ import annotations

from actions import audit
from actions.people import Person, person, require
from app.services.acting import desk_of
from data.store import Store


def someone(store: Store, name: str, *, entry: str) -> Person:
    """Find who acts; without a name the local user.

    Raises:
        RequestError: there is no such user.
    """
    return person(desk_of(store), name or None, entry=entry)


def allowed(store: Store, who: Person, permission: str, subject: str) -> None:
    """Let it pass or refuse it.

    Raises:
        RequestError: the role does not have the permission.
    """
    require(desk_of(store), who, permission, subject)


def write_down(store: Store, who: Person, what: str, subject: str, detail: dict[str, object]) -> None:
    """Add what was done to the audit log; it names no person that data is about."""
    desk = desk_of(store)
    with desk.write() as conn:
        audit.note(conn, desk.now, who.name, who.entry, what, subject, detail)
