"""Sending exactly once, never blindly twice, and believing only what is read back: the trials of the write side."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import httpx
import pytest
import sqlalchemy as sa

from actions import outbox
from actions import tables as t
from actions.cases import Filters, dismiss, queue, show
from actions.detect import detect
from actions.people import Person
from actions.policy import pause, policies, resume, set_dry_run, set_policy
from actions.rows import load
from data.errors import RequestError
from tests.actions.factories import (
    ADMIN,
    APPROVER,
    MINUTE,
    OPERATOR,
    Merchant,
    Shop,
    a_schedule,
    a_shop,
    a_status,
    drift_view,
    drifting,
    targets_over,
)

FULL = os.environ.get("FILLWELL_TRIALS") == "1"
Proper = Callable[[], httpx.Response]


def cases_of(shop: Shop, skus: int = 1, *, listed: int = 40) -> list[int]:
    """Open a case for each of some drifting listings."""
    drifts = {f"MUG{n}": (listed, 12) for n in range(skus)}
    for sku, (quantity, _) in drifts.items():
        if f"web:{sku}" not in shop.merchant.listings:
            shop.merchant.list_item(sku, quantity)
    for _ in range(2):
        shop.merchant.step()
        detect(shop.desk, drift_view(shop.merchant, drifts), shadow=None, budget=None)
    return [case["id"] for case in sorted(queue(shop.desk, Filters(detector="X02")), key=lambda c: str(c["sku"]))]


def planned(shop: Shop, case: int, *, by: Person = OPERATOR, **choice: int) -> int:
    """Plan the case's correction."""
    view = drift_view(shop.merchant, {f"MUG{n}": (40, 12) for n in range(len(shop.merchant.listings))})
    made = outbox.plan(shop.desk, view, case, by=by, targets=shop.targets, choice=choice)
    assert made.action is not None, made.words
    return made.action


def approved(shop: Shop, case: int) -> int:
    """Plan and approve the case's correction."""
    action = planned(shop, case)
    assert outbox.approve(shop.desk, action, by=APPROVER).done
    return action


def sent(shop: Shop, action: int) -> str:
    """Send it and tell its status."""
    return outbox.send(shop.desk, action, by=OPERATOR, targets=shop.targets).status


def read_back(shop: Shop, action: int) -> str:
    """Read it back and tell its status."""
    return outbox.verify(shop.desk, action, by=OPERATOR, targets=shop.targets).status


def verified(shop: Shop, case: int) -> int:
    """Plan, approve, send and read back."""
    action = approved(shop, case)
    sent(shop, action)
    assert read_back(shop, action) == "verified"
    return action


def status(shop: Shop, action: int) -> str:
    """Tell an action's status."""
    with shop.desk.read() as conn:
        return str(load(conn, action)["status"])


# ---- 18: many hands on one exception


@pytest.mark.parametrize("round_", range(200 if FULL else 2))
def test_twenty_hands_and_a_double_click_make_one_effect(tmp_path: Path, round_: int) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    hands = 20
    start = Barrier(hands)
    rng = random.Random(round_)  # noqa: S311 -- a seeded shuffle of hands

    def everything(_hand: int) -> list[str]:
        start.wait()
        words = []
        view = drift_view(shop.merchant, {"MUG0": (40, 12)})
        for _click in range(2):
            made = outbox.plan(shop.desk, view, case, by=OPERATOR, targets=shop.targets)
            if made.action is None:
                words.append(made.words)
                continue
            outbox.approve(shop.desk, made.action, by=APPROVER)
            words.append(outbox.send(shop.desk, made.action, by=OPERATOR, targets=shop.targets).words)
        return words

    order = rng.sample(range(hands), hands)
    with ThreadPoolExecutor(hands) as pool:
        told = [word for words in pool.map(everything, order) for word in words]
    assert shop.merchant.effects == 1
    assert len(shop.merchant.writes) == 1
    assert sum(word.startswith("accepted") for word in told) == 1
    assert all("already" in w or "faster" in w or w.startswith("accepted") for w in told), set(told)


def test_a_second_plan_of_the_same_intent_is_the_same_action(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    assert planned(shop, case) == planned(shop, case)


# ---- 19: one key, one meaning


def test_the_same_key_with_other_parameters_is_refused(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = planned(shop, case)
    with pytest.raises(RequestError, match="other parameters"):
        planned(shop, case, quantity=7)
    assert outbox.cancel(shop.desk, action, by=OPERATOR).done
    again = planned(shop, case, quantity=7)
    keys = {a["id"]: a["key"] for a in outbox.actions(shop.desk)}
    assert keys[again] != keys[action]


def test_a_remote_that_keeps_keys_refuses_the_same_key_with_another_body(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    key = next(a["key"] for a in outbox.actions(shop.desk))
    shop.merchant.answered[key] = (b"{}", httpx.Response(200, json={}))
    assert sent(shop, action) == "failed"
    assert shop.merchant.effects == 0


# ---- 20: a crash between sending and writing it down


class Crash(BaseException):
    """The process is gone: nothing after this runs."""


def crashing(shop: Shop, *, before: bool) -> None:
    """Let the next write kill the sender, before or after it took effect."""

    def answer(_request: httpx.Request, proper: Proper) -> httpx.Response:
        shop.merchant.misbehave = None
        if not before:
            proper()
        raise Crash

    shop.merchant.misbehave = answer


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("keeps_keys", [True, False])
@pytest.mark.parametrize("round_", range(50 if FULL else 2))
def test_a_crash_around_the_call_ends_in_one_effect_decided_by_a_read_back(
    tmp_path: Path, before: bool, keeps_keys: bool, round_: int
) -> None:
    del round_
    shop = a_shop(tmp_path, Merchant(keeps_keys=keeps_keys))
    [case] = cases_of(shop)
    action = approved(shop, case)
    crashing(shop, before=before)
    with pytest.raises(Crash):
        sent(shop, action)
    assert status(shop, action) == "sent"
    assert sent(shop, action) == "sent"  # nobody sends it again
    assert len(shop.merchant.writes) == 1

    shop.let_leases_run_out()
    outbox.recover(shop.desk)
    assert status(shop, action) == "unknown"
    assert sent(shop, action) == "unknown"  # nor now: a read-back decides first
    assert len(shop.merchant.writes) == 1

    shop.merchant.step(2 * MINUTE)
    decided = read_back(shop, action)
    if decided == "approved":
        assert before
        assert sent(shop, action) == "confirmed"
        assert read_back(shop, action) == "verified"
    else:
        assert decided == "verified"
    assert shop.merchant.effects == 1
    assert shop.merchant.listings["web:MUG0"]["quantity"] == 10


def test_a_crash_between_claiming_and_sending_leaves_it_to_be_sent(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    with shop.desk.write() as conn:
        conn.exec_driver_sql("UPDATE action SET status = 'claimed', lease_until = 0")
    outbox.recover(shop.desk)
    assert sent(shop, action) == "confirmed"
    assert shop.merchant.effects == 1


# ---- 21: a remote that answers badly


def answers(shop: Shop, *given: httpx.Response | Exception, applied: bool) -> None:
    """Answer the next writes like this, with or without doing them."""
    left = list(given)

    def answer(_request: httpx.Request, proper: Proper) -> httpx.Response:
        if not left:
            return proper()
        if applied:
            proper()
        now = left.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    shop.merchant.misbehave = answer


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize(
    "bad",
    [
        httpx.Response(500), httpx.Response(502, text="<html>"), httpx.Response(200, text="<html>fine</html>"),
        httpx.Response(200, text='{"id": "web'), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("reset"),
    ],
    ids=["500", "502", "html", "truncated", "timeout", "reset"],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_it_unknown_until_it_is_read_back(
    tmp_path: Path, bad: httpx.Response | Exception, applied: bool
) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    answers(shop, bad, applied=applied)
    assert sent(shop, action) == "unknown"
    shop.merchant.step(2 * MINUTE)
    assert read_back(shop, action) == ("verified" if applied else "approved")
    outbox.send_due(shop.desk, shop.targets)
    outbox.verify_due(shop.desk, shop.targets)
    assert (status(shop, action), shop.merchant.effects) == ("verified", 1)


def test_a_remote_that_asks_to_wait_is_not_called_before(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    answers(shop, httpx.Response(429, headers={"Retry-After": "30"}), applied=False)
    assert sent(shop, action) == "approved"
    assert not outbox.send(shop.desk, action, by=OPERATOR, targets=shop.targets).done
    assert len(shop.merchant.writes) == 1
    shop.let_leases_run_out()
    assert sent(shop, action) == "confirmed"


@pytest.mark.parametrize("bad", [httpx.Response(429, headers={"Retry-After": "90"}), httpx.ReadTimeout("slow")])
def test_a_second_attempt_has_as_long_to_show_as_the_first(tmp_path: Path, bad: httpx.Response | Exception) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    answers(shop, bad, applied=False)
    sent(shop, action)
    shop.merchant.step(2 * MINUTE)
    shop.let_leases_run_out()
    if status(shop, action) == "unknown":
        assert read_back(shop, action) == "approved"
    before = deepcopy(shop.merchant.listings)
    assert sent(shop, action) == "confirmed"
    shown, shop.merchant.listings = shop.merchant.listings, before  # the remote shows it a moment later
    shop.merchant.step(timedelta(seconds=1))
    assert read_back(shop, action) == "confirmed"
    shop.merchant.listings = shown
    assert read_back(shop, action) == "verified"
    assert queue(shop.desk, Filters(detector="X50")) == []


def test_a_case_whose_fix_was_put_off_and_is_taken_back_is_open_again(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    answers(shop, httpx.Response(429, headers={"Retry-After": "30"}), applied=False)
    sent(shop, action)
    assert show(shop.desk, case)["status"] == "executing"
    assert outbox.cancel(shop.desk, action, by=OPERATOR).done
    assert show(shop.desk, case)["status"] == "open"
    assert dismiss(shop.desk, case, by=OPERATOR, reason="sold on purpose").done


def test_an_action_of_a_system_that_is_no_longer_connected_is_kept_and_holds_up_no_other(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    gone, other = (approved(shop, case) for case in cases_of(shop, 2))
    set_system(shop, gone, "oldshop")
    assert outbox.send_due(shop.desk, shop.targets) == 1
    assert (status(shop, gone), status(shop, other)) == ("approved", "confirmed")
    told = outbox.send(shop.desk, gone, by=OPERATOR, targets=shop.targets)
    assert (told.done, told.words.startswith("'oldshop' is not connected")) == (False, True)
    set_system(shop, gone, "oldshop", status="unknown")
    assert outbox.verify_due(shop.desk, shop.targets) == 1
    assert (status(shop, gone), status(shop, other)) == ("unknown", "verified")


def set_system(shop: Shop, action: int, system: str, **values: str) -> None:
    """Let an action be of a connection that has been removed since."""
    with shop.desk.write() as conn:
        conn.execute(sa.update(t.action).where(t.action.c.id == action).values(system=system, **values))


def test_a_remote_that_never_lets_it_through_is_given_up_with_a_reason(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    answers(shop, *[httpx.Response(429, headers={"Retry-After": "1"})] * 99, applied=False)
    for _ in range(20):
        sent(shop, action)
        shop.let_leases_run_out()
    assert status(shop, action) == "failed"
    assert len(shop.merchant.writes) == 5
    assert show(shop.desk, case)["status"] == "open"


def test_a_system_that_keeps_failing_is_left_alone_and_every_intent_is_kept(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    todo = [approved(shop, case) for case in cases_of(shop, 8)]
    answers(shop, *[httpx.Response(500)] * 99, applied=False)
    told = [outbox.send(shop.desk, action, by=OPERATOR, targets=shop.targets) for action in todo]
    assert [step.status for step in told] == ["unknown"] * 5 + ["approved"] * 3
    assert "left alone" in told[-1].words


# ---- 22: a remote that lies


def changes_nothing(_request: httpx.Request, _proper: Proper) -> httpx.Response:
    return httpx.Response(200, json={"id": "web:MUG0", "quantity": 10})


def changes_another(shop: Shop) -> Callable[[httpx.Request, Proper], httpx.Response]:
    def answer(_request: httpx.Request, _proper: Proper) -> httpx.Response:
        other = shop.merchant.listings["web:MUG1"]
        shop.merchant.move(other, 10, "whatever")
        return httpx.Response(200, json=other)

    return answer


@pytest.mark.parametrize("round_", range(500 if FULL else 1))
@pytest.mark.parametrize("lie", ["nothing", "another"])
def test_a_yes_that_changed_nothing_is_found_by_reading_back(tmp_path: Path, lie: str, round_: int) -> None:
    del round_
    shop = a_shop(tmp_path)
    case = cases_of(shop, 2)[0]
    action = approved(shop, case)
    shop.merchant.misbehave = changes_nothing if lie == "nothing" else changes_another(shop)
    assert sent(shop, action) == "confirmed"
    assert read_back(shop, action) == "confirmed"  # it may take a moment to show
    shop.merchant.step(2 * MINUTE)
    assert read_back(shop, action) == "mismatch"
    assert show(shop.desk, case)["status"] == "open"
    [about] = queue(shop.desk, Filters(detector="X50"))
    assert about["subject"] == "storefront/listing/web:MUG0"


def test_a_change_that_is_put_back_later_is_found_by_the_second_look(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    sent(shop, action)
    assert read_back(shop, action) == "verified"
    shop.merchant.move(shop.merchant.listings["web:MUG0"], 40, "nightly-job")
    shop.merchant.step(10 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)
    assert status(shop, action) == "mismatch"
    assert show(shop.desk, case)["status"] == "open"


def test_a_later_write_that_is_verified_closes_the_case_about_the_remotes_word(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    shop.merchant.misbehave = changes_nothing
    sent(shop, action)
    shop.merchant.step(2 * MINUTE)
    read_back(shop, action)
    shop.merchant.misbehave = None
    set_policy(shop.desk, "set_listing_quantity", by=ADMIN, ladder="approve")
    again = approved(shop, case)
    assert sent(shop, again) == "confirmed"
    assert read_back(shop, again) == "verified"
    assert queue(shop.desk, Filters(detector="X50")) == []


def test_a_fast_seller_is_verified_by_the_channels_own_record(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    sent(shop, action)
    listing = shop.merchant.listings["web:MUG0"]
    for left in (9, 7, 6):
        shop.merchant.move(listing, left, None)
    assert read_back(shop, action) == "verified"


def test_while_the_source_serves_data_from_before_the_write_nothing_is_decided(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    shop.targets["storefront"].refresh("listings")
    action = approved(shop, case)
    shop.merchant.step()
    sent(shop, action)
    shop.merchant.freeze()
    shop.merchant.step(10 * MINUTE)
    told = outbox.verify(shop.desk, action, by=OPERATOR, targets=shop.targets)
    assert (told.status, told.done) == ("confirmed", False)
    assert "from before the write" in told.words
    shop.merchant.thaw()
    assert read_back(shop, action) == "verified"


def test_a_record_that_has_moved_on_does_not_make_a_verified_change_wrong(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    sent(shop, action)
    assert read_back(shop, action) == "verified"
    shop.merchant.step(10 * MINUTE)
    for left in (9, 8, 7, 6, 5, 4):
        shop.merchant.move(shop.merchant.listings["web:MUG0"], left, None)
    outbox.verify_due(shop.desk, shop.targets)
    assert status(shop, action) == "verified"


# ---- 23: a decision that is out of date


@pytest.mark.parametrize("round_", range(100 if FULL else 3))
def test_what_changed_since_it_was_shown_is_never_overwritten(tmp_path: Path, round_: int) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = approved(shop, case)
    shop.merchant.move(shop.merchant.listings["web:MUG0"], 50 + round_, "a colleague")
    assert sent(shop, action) == "failed"
    assert shop.merchant.listings["web:MUG0"]["quantity"] == 50 + round_
    assert show(shop.desk, case)["status"] == "open"
    again = approved(shop, case)
    assert sent(shop, again) == "confirmed"


def test_a_newer_plan_replaces_an_older_one_that_waits(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    old = planned(shop, case)
    shop.merchant.move(shop.merchant.listings["web:MUG0"], 33, "a colleague")
    new = planned(shop, case)
    assert (new != old, status(shop, old)) == (True, "cancelled")


# ---- 25: many at once, cut off in the middle


def test_a_bulk_run_that_is_killed_goes_on_where_it_stopped_and_does_each_once(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    size = 1000 if FULL else 30
    actions = [planned(shop, case) for case in cases_of(shop, size)]
    calls = 0

    def killed(_request: httpx.Request, proper: Proper) -> httpx.Response:
        nonlocal calls
        calls += 1
        answer = proper()
        if calls == size // 2:
            raise Crash
        return answer

    shop.merchant.misbehave = killed
    with pytest.raises(Crash):
        outbox.bulk(shop.desk, actions, by=APPROVER, targets=shop.targets)
    shop.let_leases_run_out()
    outbox.recover(shop.desk)
    results = outbox.bulk(shop.desk, actions, by=APPROVER, targets=shop.targets)
    outbox.verify_due(shop.desk, shop.targets)
    assert len(results) == size
    assert {status(shop, action) for action in actions} == {"verified"}
    assert shop.merchant.effects == size


def test_a_bulk_run_tries_one_then_ten_then_the_rest_and_stops_at_the_first_mismatch(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    actions = [planned(shop, case) for case in cases_of(shop, 5)]

    def wrong_number(_request: httpx.Request, _proper: Proper) -> httpx.Response:
        listing = shop.merchant.listings["web:MUG1"]
        shop.merchant.move(listing, 3, "a bug of theirs")
        shop.merchant.step(2 * MINUTE)
        return httpx.Response(200, json=listing)

    def second_is_wrong(request: httpx.Request, proper: Proper) -> httpx.Response:
        return wrong_number(request, proper) if b"MUG1" in request.url.raw_path else proper()

    shop.merchant.misbehave = second_is_wrong
    results = outbox.bulk(shop.desk, actions, by=APPROVER, targets=shop.targets)
    assert [step.status for step in results] == ["verified", "mismatch", "held", "held", "held"]
    assert len(shop.merchant.writes) == 2


# ---- 26: switches and limits


@pytest.mark.parametrize("switch", ["kill switch", "dry run"])
def test_while_it_stands_still_no_remote_is_called_and_intents_are_kept(tmp_path: Path, switch: str) -> None:
    shop = a_shop(tmp_path)
    first, second = cases_of(shop, 2)
    waiting, under_way = approved(shop, first), approved(shop, second)
    assert sent(shop, under_way) == "confirmed"
    before = len(shop.merchant.calls)
    if switch == "kill switch":
        pause(shop.desk, by=OPERATOR, reason="odd answers")
    else:
        set_dry_run(shop.desk, on=True, by=ADMIN)

    assert sent(shop, waiting) == "approved"
    assert read_back(shop, under_way) == "confirmed"
    outbox.send_due(shop.desk, shop.targets)
    outbox.verify_due(shop.desk, shop.targets)
    outbox.bulk(shop.desk, [waiting], by=APPROVER, targets=shop.targets)
    made = outbox.plan(
        shop.desk, drift_view(shop.merchant, {"MUG0": (40, 12)}), first, by=OPERATOR, targets=shop.targets
    )
    assert made.card is not None  # a card is shown all the same, from what was last heard
    assert len(shop.merchant.calls) == before

    if switch == "kill switch":
        resume(shop.desk, by=ADMIN)
    else:
        set_dry_run(shop.desk, on=False, by=ADMIN)
    assert sent(shop, waiting) == "confirmed"


def test_only_an_admin_lets_it_run_again(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    pause(shop.desk, by=OPERATOR)
    with pytest.raises(RequestError, match="may not resume"):
        resume(shop.desk, by=APPROVER)


def test_above_the_limit_for_one_person_somebody_else_must_approve(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    set_policy(shop.desk, "set_listing_quantity", by=ADMIN, second_above_minor=1000)
    action = planned(shop, case, by=APPROVER)
    alone = outbox.approve(shop.desk, action, by=APPROVER)
    assert (alone.done, alone.status) == (False, "planned")
    assert sent(shop, action) == "planned"
    assert outbox.approve(shop.desk, action, by=ADMIN).done
    assert sent(shop, action) == "confirmed"


def test_an_action_worth_more_than_its_type_may_move_is_blocked(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    set_policy(shop.desk, "set_listing_quantity", by=ADMIN, most_minor=100)
    made = outbox.plan(
        shop.desk, drift_view(shop.merchant, {"MUG0": (40, 12)}), case, by=OPERATOR, targets=shop.targets
    )
    assert made.action is None
    assert "at most" in made.words


def test_no_more_than_so_many_a_day_are_planned(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    cases = cases_of(shop, 3)
    set_policy(shop.desk, "set_listing_quantity", by=ADMIN, most_a_day=2)
    for case in cases[:2]:
        planned(shop, case)
    view = drift_view(shop.merchant, {f"MUG{n}": (40, 12) for n in range(3)})
    assert "24 hours" in outbox.plan(shop.desk, view, cases[2], by=OPERATOR, targets=shop.targets).words
    shop.merchant.step(timedelta(days=1))
    planned(shop, cases[2])


@pytest.mark.parametrize(("listed", "blocked"), [(1, True), (40, False)])
def test_on_stale_inputs_raising_is_blocked_and_lowering_takes_an_approval(
    tmp_path: Path, listed: int, blocked: bool
) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop, listed=listed)
    now = shop.merchant.now
    seen = drift_view(shop.merchant, {"MUG0": (listed, 12)})
    stale = type(seen)(
        facts=seen.facts, now=now, statuses=[a_status("warehouse", "stock", now - timedelta(hours=1))],
        schedules=[a_schedule("warehouse", "stock")],
    )  # fmt: skip
    made = outbox.plan(shop.desk, stale, case, by=OPERATOR, targets=shop.targets)
    assert made.card is not None
    assert made.card.stale == ("warehouse/stock",)
    assert (made.action is None) == blocked


# ---- the ladder


@pytest.mark.parametrize(("ladder", "expected"), [("shadow", "shadow"), ("draft", "planned"), ("approve", "planned")])
def test_each_step_of_the_ladder_lets_a_plan_go_so_far(tmp_path: Path, ladder: str, expected: str) -> None:
    shop = a_shop(tmp_path, ladder=ladder)
    [case] = cases_of(shop)
    action = planned(shop, case)
    assert status(shop, action) == expected
    assert outbox.approve(shop.desk, action, by=APPROVER).done == (ladder == "approve")
    outbox.send_due(shop.desk, shop.targets)
    assert shop.merchant.effects == (ladder == "approve")


def test_a_type_that_is_off_plans_nothing(tmp_path: Path) -> None:
    shop = a_shop(tmp_path, ladder="off")
    [case] = cases_of(shop)
    with pytest.raises(RequestError, match="is off"):
        planned(shop, case)


def test_a_type_acts_by_itself_after_twenty_verified_and_none_wrong_and_falls_at_the_first_mismatch(
    tmp_path: Path,
) -> None:
    shop = a_shop(tmp_path)
    cases = cases_of(shop, 22)
    with pytest.raises(RequestError, match="20 and 0 are needed"):
        set_policy(shop.desk, "set_listing_quantity", by=ADMIN, ladder="auto")
    for case in cases[:20]:
        action = approved(shop, case)
        sent(shop, action)
        assert read_back(shop, action) == "verified"
    set_policy(shop.desk, "set_listing_quantity", by=ADMIN, ladder="auto")
    action = planned(shop, cases[20])
    assert status(shop, action) == "approved"
    shop.merchant.misbehave = changes_nothing
    sent(shop, action)
    shop.merchant.step(2 * MINUTE)
    read_back(shop, action)
    [policy] = [p for p in policies(shop.desk) if p.type == "set_listing_quantity"]
    assert (policy.ladder, policy.verified, policy.wrong) == ("approve", 0, 1)


def test_in_shadow_the_program_notes_once_what_it_would_have_done(tmp_path: Path) -> None:
    shop = a_shop(tmp_path, ladder="shadow")
    cases_of(shop, 3)
    view = drift_view(shop.merchant, {f"MUG{n}": (40, 12) for n in range(3)})
    assert [outbox.plan_due(shop.desk, view, shop.targets) for _ in range(2)] == [3, 0]
    assert {a["status"] for a in outbox.actions(shop.desk)} == {"shadow"}
    assert outbox.send_due(shop.desk, shop.targets) == 0
    assert shop.merchant.effects == 0


def test_a_type_that_may_act_by_itself_does_and_what_fails_waits_for_a_person(tmp_path: Path) -> None:
    shop = a_shop(tmp_path, ladder="auto")
    cases_of(shop, 2)
    view = drift_view(shop.merchant, {f"MUG{n}": (40, 12) for n in range(2)})
    answers(shop, httpx.Response(400, json={"error": "no"}), applied=False)
    assert outbox.plan_due(shop.desk, view, shop.targets) == 2
    assert outbox.send_due(shop.desk, shop.targets) == 1
    assert outbox.verify_due(shop.desk, shop.targets) == 1
    assert sorted(a["status"] for a in outbox.actions(shop.desk)) == ["failed", "verified"]
    assert outbox.plan_due(shop.desk, view, shop.targets) == 0
    assert {a["planned_by"] for a in outbox.actions(shop.desk)} == {"engine"}


# ---- 27: order


def test_writes_to_one_thing_go_one_after_the_other_and_do_not_hold_up_others(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    one, other = cases_of(shop, 2)
    first = approved(shop, one)
    sent(shop, first)
    with shop.desk.write() as conn:
        conn.exec_driver_sql(
            "INSERT INTO action (key, case_id, type, system, target, command, plan, status, direction, value_minor, "
            "needs_second, planned_at, planned_by) SELECT 'k2', case_id, type, system, target, command, plan, "
            "'approved', direction, value_minor, needs_second, planned_at, planned_by FROM action"
        )
    second = first + 1
    assert sent(shop, second) == "approved"
    assert sent(shop, approved(shop, other)) == "confirmed"
    read_back(shop, first)
    assert sent(shop, second) != "approved"


# ---- 28: taking it back


def test_an_undo_puts_the_remote_back_as_it_was(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = verified(shop, case)
    made = outbox.undo(shop.desk, drifting(shop.merchant), action, by=APPROVER, targets=shop.targets)
    assert made.action is not None
    assert outbox.approve(shop.desk, made.action, by=APPROVER).done
    assert sent(shop, made.action) == "confirmed"
    assert read_back(shop, made.action) == "verified"
    assert shop.merchant.listings["web:MUG0"]["quantity"] == 40


def test_what_was_taken_back_is_not_held_against_the_remote_by_the_second_look(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = verified(shop, case)
    made = outbox.undo(shop.desk, drifting(shop.merchant), action, by=APPROVER, targets=shop.targets)
    back = made.action or 0
    outbox.approve(shop.desk, back, by=APPROVER)
    sent(shop, back)
    shop.merchant.step(10 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)  # while the undo is still to be read back
    assert (status(shop, action), status(shop, back)) == ("verified", "verified")
    shop.merchant.step(10 * MINUTE)
    assert outbox.verify_due(shop.desk, shop.targets) == 1, "only the undo is looked at again"
    step = outbox.verify(shop.desk, action, by=OPERATOR, targets=shop.targets)
    assert (step.done, step.status) == (False, "verified")
    assert f"action {back} came after it" in step.words
    assert queue(shop.desk, Filters(detector="X50")) == []


def test_what_we_set_anew_ourselves_is_not_held_against_the_remote(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    first = verified(shop, case)
    with shop.desk.write() as conn:
        conn.exec_driver_sql("UPDATE case_ SET status = 'open', version = version + 1")
    shop.merchant.step()
    second = planned(shop, case, quantity=40)
    outbox.approve(shop.desk, second, by=APPROVER)
    sent(shop, second)
    assert read_back(shop, second) == "verified"
    shop.merchant.step(10 * MINUTE)
    assert outbox.verify_due(shop.desk, shop.targets) == 1, "only the newest is looked at again"
    assert (status(shop, first), status(shop, second)) == ("verified", "verified")


def test_an_undo_that_was_refused_leaves_the_second_look_to_the_first(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = verified(shop, case)
    made = outbox.undo(shop.desk, drifting(shop.merchant), action, by=APPROVER, targets=shop.targets)
    outbox.approve(shop.desk, made.action or 0, by=APPROVER)
    answers(shop, httpx.Response(400, json={"error": "no"}), applied=False)
    assert sent(shop, made.action or 0) == "failed"
    shop.merchant.move(shop.merchant.listings["web:MUG0"], 40, "nightly-job")
    shop.merchant.step(10 * MINUTE)
    outbox.verify_due(shop.desk, shop.targets)
    assert status(shop, action) == "mismatch"


def test_an_undo_of_what_moved_since_says_why_not(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    [case] = cases_of(shop)
    action = verified(shop, case)
    shop.merchant.move(shop.merchant.listings["web:MUG0"], 8, None)
    made = outbox.undo(shop.desk, drifting(shop.merchant), action, by=APPROVER, targets=shop.targets)
    assert made.action is None
    assert "moved since" in made.words


def test_a_workers_second_process_sees_the_same_outbox(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    action = approved(shop, cases_of(shop)[0])
    other = targets_over(shop.store, shop.merchant, shop._real)
    assert outbox.send_due(shop.desk, other) == 1
    assert outbox.send_due(shop.desk, shop.targets) == 0
    assert outbox.verify_due(shop.desk, other) == 1
    assert status(shop, action) == "verified"
