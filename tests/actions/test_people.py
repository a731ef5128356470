"""Who may do what: every role at every door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from actions import audit, outbox
from actions.cases import claim, dismiss, queue, snooze
from actions.detect import detect
from actions.people import ENGINE, LOOPBACK, MATRIX, ROLES, Person, person, set_user
from actions.policy import pause, resume, set_dry_run, set_policy
from data.errors import RequestError
from tests.actions.factories import ADMIN, MINUTE, Shop, a_shop, drifting

Door = Callable[[Shop, Person], object]

#: Every function through which a person changes something, with the permission that it takes.
DOORS: dict[str, tuple[str, Door]] = {
    "claim": ("work", lambda s, p: claim(s.desk, 1, by=p)),
    "dismiss": ("work", lambda s, p: dismiss(s.desk, 1, by=p, reason="r")),
    "snooze": ("work", lambda s, p: snooze(s.desk, 1, by=p, until=s.merchant.now + MINUTE, reason="r")),
    "plan": ("plan", lambda s, p: outbox.plan(s.desk, drifting(s.merchant), 1, by=p, targets=s.targets)),
    "cancel": ("plan", lambda s, p: outbox.cancel(s.desk, 1, by=p)),
    "approve": ("approve", lambda s, p: outbox.approve(s.desk, 1, by=p)),
    "send": ("send", lambda s, p: outbox.send(s.desk, 1, by=p, targets=s.targets)),
    "verify": ("verify", lambda s, p: outbox.verify(s.desk, 1, by=p, targets=s.targets)),
    "undo": ("undo", lambda s, p: outbox.undo(s.desk, drifting(s.merchant), 1, by=p, targets=s.targets)),
    "pause": ("pause", lambda s, p: pause(s.desk, by=p)),
    "resume": ("resume", lambda s, p: resume(s.desk, by=p)),
    "dry run": ("administer", lambda s, p: set_dry_run(s.desk, on=True, by=p)),
    "policy": ("administer", lambda s, p: set_policy(s.desk, "pause_listing", by=p, most_a_day=1)),
    "user": ("administer", lambda s, p: set_user(s.desk, "new", "viewer", by=p)),
}


def a_shop_with_an_action(folder: Path) -> Shop:
    """Open case 1 and plan action 1."""
    shop = a_shop(folder)
    for _ in range(2):
        shop.merchant.step()
        detect(shop.desk, drifting(shop.merchant), shadow=None)
    assert [c["id"] for c in queue(shop.desk)] == [1]
    outbox.plan(shop.desk, drifting(shop.merchant), 1, by=ADMIN, targets=shop.targets)
    return shop


def refusal(door: Door, shop: Shop, who: Person) -> str:
    """Tell why a door stayed shut; nothing where it opened."""
    try:
        door(shop, who)
    except RequestError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("entry", ["cli", "desk", "http"])
@pytest.mark.parametrize("role", [*ROLES, "engine"])
def test_every_cell_of_the_matrix_holds_at_every_door_and_refusals_are_logged(
    tmp_path: Path, role: str, entry: str
) -> None:
    shop = a_shop_with_an_action(tmp_path)
    who = Person("somebody", role, entry)
    for name, (permission, door) in DOORS.items():
        before = len(shop.merchant.writes)
        if role in MATRIX[permission]:
            assert "may not" not in refusal(door, shop, who), name
            continue
        with pytest.raises(RequestError, match=f"may not {permission}"):
            door(shop, who)
        newest = audit.entries(shop.desk, limit=1)[0]
        assert (newest["what"], newest["by"], newest["entry"]) == ("refused", "somebody", entry)
        assert len(shop.merchant.writes) == before


def test_every_door_that_changes_something_is_in_the_test(tmp_path: Path) -> None:
    del tmp_path
    assert {permission for permission, _ in DOORS.values()} == set(MATRIX) - {"see"}


def test_the_program_never_approves() -> None:
    assert not ENGINE.may("approve")


def test_without_a_name_the_loopback_user_acts_and_is_admin(tmp_path: Path) -> None:
    desk = a_shop(tmp_path).desk
    assert person(desk, None, entry="cli") == Person(LOOPBACK, "admin", "cli")


def test_a_name_that_nobody_has_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    desk = a_shop(tmp_path).desk
    set_user(desk, "vic", "viewer", by=ADMIN)
    assert person(desk, "vic", entry="cli").role == "viewer"
    with pytest.raises(RequestError, match="there are: vic"):
        person(desk, "root", entry="cli")
    with pytest.raises(RequestError, match="the program's own"):
        set_user(desk, "engine", "admin", by=ADMIN)
