"""Bulk runs: one, then ten, then the rest; held at the first failure; begun once, stopped and taken up again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from actions import audit, outbox, waves
from actions.desk import open_desk
from actions.people import Person, set_user
from actions.policy import pause, resume, set_policy
from actions.waves import Run
from data.errors import RequestError
from tests.actions.factories import ADMIN, APPROVER, MINUTE, OPERATOR, Shop, a_shop, drift_view
from tests.actions.test_outbox import Proper, cases_of, planned, status


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with the approver on its staff."""
    opened = a_shop(tmp_path)
    set_user(opened.desk, APPROVER.name, APPROVER.role, by=ADMIN)
    return opened


def many(shop: Shop, number: int) -> list[int]:
    """Plan a correction of so many listings."""
    return [planned(shop, case) for case in cases_of(shop, number)]


def begun(shop: Shop, actions: list[int], *, by: Person = APPROVER) -> int:
    """Begin a run that leaves nothing out."""
    run, refused = waves.start(shop.desk, actions, by=by)
    assert refused == []
    assert run is not None
    return run


def the_engine_works(shop: Shop) -> None:
    """Send, read back and go on, as the engine does in one round."""
    outbox.send_due(shop.desk, shop.targets)
    outbox.verify_due(shop.desk, shop.targets)
    waves.advance_due(shop.desk)


def said(shop: Shop, run: int) -> list[str]:
    """Tell the status of each action of a run."""
    return [item.status for item in waves.show(shop.desk, run).items]


def refusing(shop: Shop, sku: str) -> None:
    """Let the channel refuse one listing."""

    def answer(request: httpx.Request, proper: Proper) -> httpx.Response:
        return httpx.Response(422) if f"{sku}".encode() == request.url.raw_path.rpartition(b"%3A")[2] else proper()

    shop.merchant.misbehave = answer


def test_one_is_sent_and_read_back_then_ten_then_the_rest(shop: Shop) -> None:
    run = begun(shop, many(shop, 14))
    counts = []
    for _ in range(4):
        now = waves.show(shop.desk, run)
        counts.append((now.status, now.wave, now.verified, len(shop.merchant.writes)))
        the_engine_works(shop)
    assert counts == [("running", 1, 0, 0), ("running", 2, 1, 1), ("running", 3, 11, 11), ("done", 3, 14, 14)]


def test_a_wave_waits_until_the_one_before_it_is_proved(shop: Shop) -> None:
    run = begun(shop, many(shop, 3))
    outbox.send_due(shop.desk, shop.targets)
    assert waves.advance_due(shop.desk) == 0
    assert said(shop, run) == ["confirmed", "held", "held"]
    assert len(shop.merchant.writes) == 1


def test_the_first_failure_stops_it_and_what_was_not_sent_is_held(shop: Shop) -> None:
    refusing(shop, "MUG1")
    run = begun(shop, many(shop, 14))
    for _ in range(3):
        the_engine_works(shop)
    stopped = waves.show(shop.desk, run)
    failed = [item.case for item in stopped.items if item.status == "failed"]
    assert (stopped.status, len(failed)) == ("stopped", 1)
    assert stopped.words.startswith(f"case {failed[0]}: it was not done: refused")
    assert said(shop, run)[11:] == ["held", "held", "held"]
    written = len(shop.merchant.writes)
    the_engine_works(shop)
    assert len(shop.merchant.writes) == written


def test_what_a_stopped_run_left_is_taken_up_with_one_first(shop: Shop) -> None:
    refusing(shop, "MUG1")
    first = begun(shop, many(shop, 14))
    for _ in range(3):
        the_engine_works(shop)
    shop.merchant.misbehave = None
    second, refused = waves.go_on(shop.desk, first, by=APPROVER)
    assert (refused, second) == ([], first + 1)
    assert said(shop, first + 1) == ["approved", "held", "held"]
    for _ in range(4):
        the_engine_works(shop)
    assert waves.show(shop.desk, first + 1).status == "done"
    assert shop.merchant.effects == 13  # the one that was refused waits for a person


def test_a_person_stops_it_before_anything_else_is_sent(shop: Shop) -> None:
    actions = many(shop, 14)
    run = begun(shop, actions)
    the_engine_works(shop)
    assert [status(shop, action) for action in actions].count("approved") == 10
    assert waves.stop(shop.desk, run, by=OPERATOR).done
    assert not waves.stop(shop.desk, run, by=OPERATOR).done
    the_engine_works(shop)
    assert len(shop.merchant.writes) == 1
    assert [status(shop, action) for action in actions].count("planned") == 13
    assert waves.show(shop.desk, run).words == "stopped by oli"


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_twenty_hands_that_press_at_once_begin_one_run(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    shop = a_shop(tmp_path, url=request.getfixturevalue("postgres_url") if database == "postgresql" else None)
    set_user(shop.desk, APPROVER.name, APPROVER.role, by=ADMIN)
    actions = many(shop, 12)
    ready = Barrier(20)

    def press(_hand: int) -> int | None:
        ready.wait()
        return waves.start(shop.desk, actions, by=APPROVER)[0]

    with ThreadPoolExecutor(20) as pool:
        runs = set(pool.map(press, range(20)))
    assert runs == {1}
    for _ in range(4):
        the_engine_works(shop)
    assert shop.merchant.effects == 12
    again, refused = waves.start(shop.desk, actions, by=APPROVER)
    assert again is None
    assert {step.words for step in refused} == {"it is already verified"}
    shop.store.close()


def test_another_process_goes_on_with_a_run_whose_own_has_died(shop: Shop) -> None:
    run = begun(shop, many(shop, 3))
    shop.store.close()
    desk = open_desk(shop.store, clock=shop.merchant.clock, transport=shop.desk.transport)
    for _ in range(3):
        outbox.send_due(desk, shop.targets)
        outbox.verify_due(desk, shop.targets)
        waves.advance_due(desk)
    assert waves.show(desk, run).status == "done"


def test_what_one_person_may_not_approve_is_left_out_and_says_why(shop: Shop) -> None:
    set_policy(shop.desk, "set_listing_quantity", by=ADMIN, second_above_minor=1000)
    cases = cases_of(shop, 2)
    mine, theirs = planned(shop, cases[0], by=APPROVER), planned(shop, cases[1], by=OPERATOR)
    run, [step] = waves.start(shop.desk, [mine, theirs], by=APPROVER)
    assert run is not None
    assert [item.action for item in waves.show(shop.desk, run).items] == [theirs]
    assert (step.id, step.done) == (mine, False)
    assert "somebody else must approve it too" in step.words


def test_who_may_not_approve_begins_nothing_and_who_may_no_longer_gets_no_further_wave(shop: Shop) -> None:
    actions = many(shop, 3)
    with pytest.raises(RequestError, match="may not approve"):
        waves.start(shop.desk, actions, by=OPERATOR)
    run = begun(shop, actions)
    set_user(shop.desk, APPROVER.name, "viewer", by=ADMIN)
    the_engine_works(shop)
    stopped = waves.show(shop.desk, run)
    assert (stopped.status, stopped.words, stopped.verified) == ("stopped", "ann may no longer approve", 1)
    assert len(shop.merchant.writes) == 1


def test_each_type_of_action_is_tried_once_before_more_of_it_is_sent(shop: Shop) -> None:
    cases = cases_of(shop, 4)
    view = drift_view(shop.merchant, {f"MUG{n}": (40, 12) for n in range(4)})
    paused = [
        outbox.plan(shop.desk, view, case, by=OPERATOR, targets=shop.targets, type="pause_listing").action
        for case in cases[2:]
    ]
    run = begun(shop, [planned(shop, case) for case in cases[:2]] + [action for action in paused if action])
    assert [(item.type, item.wave) for item in waves.show(shop.desk, run).items] == [
        ("set_listing_quantity", 1), ("pause_listing", 1), ("set_listing_quantity", 2), ("pause_listing", 2),
    ]  # fmt: skip


def test_while_everything_is_paused_a_run_waits_and_then_goes_on(shop: Shop) -> None:
    run = begun(shop, many(shop, 2))
    pause(shop.desk, by=OPERATOR)
    the_engine_works(shop)
    assert said(shop, run) == ["approved", "held"]
    resume(shop.desk, by=ADMIN)
    for _ in range(3):
        the_engine_works(shop)
    assert waves.show(shop.desk, run).status == "done"


def test_a_change_that_is_put_back_while_the_run_goes_on_stops_it(shop: Shop) -> None:
    run = begun(shop, many(shop, 3))
    outbox.send_due(shop.desk, shop.targets)
    outbox.verify_due(shop.desk, shop.targets)
    shop.merchant.move(shop.merchant.listings["web:MUG0"], 40, "somebody")
    shop.merchant.step(6 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)
    waves.advance_due(shop.desk)
    now: Run = waves.show(shop.desk, run)
    assert (now.status, [item.status for item in now.items]) == ("stopped", ["mismatch", "held", "held"])


def test_every_step_of_a_run_is_in_the_audit_log(shop: Shop) -> None:
    run = begun(shop, many(shop, 2))
    for _ in range(3):
        the_engine_works(shop)
    told = [(row["what"], row["by"]) for row in audit.entries(shop.desk) if row["subject"] == f"bulk/{run}"]
    assert sorted(told) == [("bulk_done", "ann"), ("bulk_started", "ann"), ("bulk_wave", "ann"), ("bulk_wave", "ann")]
