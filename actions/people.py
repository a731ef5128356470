"""Who may do what: four roles, one small matrix, checked here whatever the entry point."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from actions import audit
from actions import tables as t
from actions.desk import Desk
from data.errors import RequestError

ROLES = ("viewer", "operator", "approver", "admin")

#: Permission -> roles that have it. `engine` is the program itself: it never approves.
MATRIX: dict[str, frozenset[str]] = {
    "see": frozenset({*ROLES, "engine"}),
    "work": frozenset({"operator", "approver", "admin"}),  # claim, snooze, dismiss
    "plan": frozenset({"operator", "approver", "admin", "engine"}),
    "approve": frozenset({"approver", "admin"}),
    "send": frozenset({"operator", "approver", "admin", "engine"}),  # only what is approved
    "verify": frozenset({"operator", "approver", "admin", "engine"}),
    "undo": frozenset({"approver", "admin"}),
    "pause": frozenset({"operator", "approver", "admin"}),  # stopping is always safe
    "resume": frozenset({"admin"}),
    "administer": frozenset({"admin"}),  # policies, users, dry-run mode
}

LOOPBACK = "local"  #: who acts where nobody signs in


@dataclass(frozen=True)
class Person:
    """Who acts, in which role, from which entry point (cli, desk, engine)."""

    name: str
    role: str
    entry: str

    def may(self, permission: str) -> bool:
        """Tell whether the matrix allows it."""
        return self.role in MATRIX[permission]


ENGINE = Person("engine", "engine", "engine")


def person(desk: Desk, name: str | None, *, entry: str) -> Person:
    """Find who acts: a known user by name; without a name the loopback user, who is admin.

    Raises:
        RequestError: there is no such user.
    """
    if name in (None, "", LOOPBACK):
        return Person(LOOPBACK, "admin", entry)
    with desk.read() as conn:
        rows = conn.execute(sa.select(t.person.c.name, t.person.c.role))
        known: dict[str, str] = {row.name: row.role for row in rows}
    if name not in known:
        there = ", ".join(sorted(known)) or "none yet; `fillwell actions user NAME --role ROLE` adds one"
        raise RequestError(f"there is no user {name!r}; there are: {there}")
    return Person(str(name), known[name], entry)


def set_user(desk: Desk, name: str, role: str, *, by: Person) -> None:
    """Add a user or change a role.

    Raises:
        RequestError: the role does not exist or the asker may not.
    """
    require(desk, by, "administer", f"user/{name}")
    if role not in ROLES:
        raise RequestError(f"there is no role {role!r}; there are: {', '.join(ROLES)}")
    if name in (LOOPBACK, ENGINE.name):
        raise RequestError(f"{name!r} is a name of the program's own; choose another")
    with desk.write() as conn:
        if conn.execute(sa.update(t.person).where(t.person.c.name == name).values(role=role)).rowcount == 0:
            conn.execute(sa.insert(t.person).values(name=name, role=role))
        audit.note(conn, desk.now, by.name, by.entry, "user_set", f"user/{name}", {"role": role})


def require(desk: Desk, who: Person, permission: str, subject: str) -> None:
    """Let it pass or refuse it, and log the refusal.

    Raises:
        RequestError: the role does not have the permission.
    """
    if who.may(permission):
        return
    with desk.write() as conn:
        detail: dict[str, object] = {"permission": permission, "role": who.role}
        audit.note(conn, desk.now, who.name, who.entry, "refused", subject, detail)
    allowed = ", ".join(sorted(MATRIX[permission] - {"engine"}))
    raise RequestError(f"{who.name} ({who.role}) may not {permission} {subject}; it takes one of: {allowed}")
