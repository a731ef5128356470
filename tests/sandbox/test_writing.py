"""Writes: compare-and-set, idempotency, and what each write sets going."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Remote

LISTING = "/storefront/listings/web:85123A"


def quantity(remote: Remote) -> int:
    return int(remote.get(LISTING)["quantity"])


def test_a_listing_changes_only_from_what_the_caller_has_seen(remote: Remote) -> None:
    seen = quantity(remote)
    done = remote.write("PUT", LISTING, {"quantity": 5, "expected_quantity": seen, "reference": "case-1"})
    assert (done.status_code, done.json()["quantity"]) == (200, 5)
    stale = remote.write("PUT", LISTING, {"quantity": 9, "expected_quantity": seen})
    assert (stale.status_code, stale.json()["error"], stale.json()["current"]["quantity"]) == (409, "stale", 5)
    change = remote.get(LISTING)["changes"][-1]
    assert (change["from"], change["to"], change["reference"]) == (seen, 5, "case-1")


def test_a_listing_can_be_paused_and_taken_up_again(remote: Remote) -> None:
    assert remote.write("PUT", LISTING, {"active": False, "expected_active": True}).json()["active"] is False
    assert remote.write("PUT", LISTING, {"active": False, "expected_active": True}).status_code == 409
    assert remote.write("PUT", LISTING, {"active": True, "expected_active": False}).json()["active"] is True


def test_a_repeated_write_is_answered_as_the_first_time_and_done_once(remote: Remote) -> None:
    body = {"quantity": 5, "expected_quantity": quantity(remote)}
    first = remote.write("PUT", LISTING, body, key="once")
    again = remote.write("PUT", LISTING, body, key="once")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert len(remote.get(LISTING)["changes"]) == 1


def test_a_key_belongs_to_one_body(remote: Remote) -> None:
    remote.write("PUT", LISTING, {"quantity": 5, "expected_quantity": quantity(remote)}, key="once")
    other = remote.write("PUT", LISTING, {"quantity": 6, "expected_quantity": 5}, key="once")
    assert (other.status_code, other.json()) == (422, {"error": "idempotency_mismatch"})
    assert quantity(remote) == 5


def test_a_write_without_a_key_is_refused(calm: Remote) -> None:
    body = {"quantity": 5, "expected_quantity": quantity(calm)}
    assert calm.ask("PUT", LISTING, json=body).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"quantity": 5}, {"quantity": -1, "expected_quantity": 1}, {"active": True}, {"quantity": "many"}, {"x": 1}],
)
def test_a_senseless_listing_write_is_refused(calm: Remote, body: dict[str, Any]) -> None:
    assert calm.write("PUT", LISTING, body).status_code == 422


def purchase(remote: Remote, **more: object) -> dict[str, Any]:
    supplier = remote.get("/erp/items/85123A")["supplier"]
    lines = [{"sku": "85123A", "quantity": 24}]
    return {"supplier": supplier, "location": "NORTH", "lines": lines, "reference": "case-7", **more}


def test_a_purchase_is_drafted_sent_and_received(remote: Remote) -> None:
    draft = remote.write("POST", "/erp/purchases", purchase(remote))
    assert (draft.status_code, draft.json()["status"]) == (201, "draft")
    path = f"/erp/purchases/{draft.json()['id']}"
    remote.advance(0.5)
    sent = remote.get(path)
    assert (sent["status"], sent["reference"]) == ("sent", "case-7")
    assert sent["lines"][0]["promised_at"] > sent["sent_at"]
    remote.advance(24 * 25)
    assert remote.get(path)["lines"][0]["received"] == 24


def test_a_reference_is_ordered_once(remote: Remote) -> None:
    first = remote.write("POST", "/erp/purchases", purchase(remote))
    second = remote.write("POST", "/erp/purchases", purchase(remote))
    assert (second.status_code, second.json()["id"]) == (409, first.json()["id"])


def test_only_a_draft_can_be_cancelled(remote: Remote) -> None:
    draft = remote.write("POST", "/erp/purchases", purchase(remote)).json()
    cancel = f"/erp/purchases/{draft['id']}/cancel"
    assert remote.ask("POST", cancel).json()["status"] == "cancelled"
    assert remote.ask("POST", cancel).status_code == 409
    remote.advance(1)
    assert remote.get(f"/erp/purchases/{draft['id']}")["status"] == "cancelled"
    assert remote.ask("POST", "/erp/purchases/none/cancel").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"supplier": "SUP-99"}, {"location": "MOON"}, {"lines": []}, {"lines": [{"sku": "none", "quantity": 1}]},
     {"lines": [{"sku": "85123A", "quantity": 0}]}],
)  # fmt: skip
def test_a_senseless_purchase_is_refused(calm: Remote, wrong: dict[str, Any]) -> None:
    assert calm.write("POST", "/erp/purchases", purchase(calm, **wrong)).status_code == 422


def test_a_transfer_moves_stock_and_loses_none(remote: Remote) -> None:
    def on_hand(place: str) -> int:
        return int(remote.get(f"/warehouse/stock/85123A@{place}")["on_hand"])

    body = {"from": "NORTH", "to": "SOUTH", "lines": [{"sku": "85123A", "quantity": 3}], "reference": "case-8"}
    before = on_hand("NORTH")
    draft = remote.write("POST", "/warehouse/transfers", body)
    assert (draft.status_code, draft.json()["status"], draft.json()["from"]) == (201, "draft", "NORTH")
    assert remote.write("POST", "/warehouse/transfers", body).status_code == 409
    remote.advance(0.3)
    assert on_hand("NORTH") == before - 3
    remote.advance(48)
    done = remote.get(f"/warehouse/transfers/{draft.json()['id']}")
    assert (done["status"], done["lines"][0]["quantity"]) == ("received", 3)
    assert remote.ask("POST", f"/warehouse/transfers/{done['id']}/cancel").status_code == 409


def test_a_parcel_is_told_once(remote: Remote) -> None:
    recent = remote.get("/storefront/orders", updated_since="2026-11-20T12:50:00+00:00")["items"]
    order = next(one for one in recent if one["fulfillment_status"] == "unfulfilled")
    path = f"/storefront/orders/{order['id']}/fulfillments"
    line = next(line for line in order["lines"] if line["kind"] == "product")
    body = {"lines": [{"line": line["id"], "quantity": 1}], "carrier": "x", "tracking": "T1", "reference": "case"}
    assert remote.write("POST", path, body).status_code == 201
    assert remote.write("POST", path, body).status_code == 409
    too_many = {**body, "tracking": "T2", "lines": [{"line": line["id"], "quantity": line["quantity"] + 1}]}
    assert remote.write("POST", path, too_many).status_code == 422
    assert (
        remote.write("POST", path, {**body, "tracking": "T3", "lines": [{"line": "none", "quantity": 1}]}).status_code
        == 422
    )


def test_a_lying_system_answers_well_and_changes_nothing(remote: Remote) -> None:
    for system in ("storefront", "erp", "warehouse"):
        remote.inject("lying_writes", system=system, probability=1)
    seen = remote.get(LISTING)
    lie = remote.write("PUT", LISTING, {"quantity": 5, "expected_quantity": seen["quantity"]})
    assert (lie.status_code, lie.json()["quantity"]) == (200, 5)
    assert remote.get(LISTING) == seen
    assert remote.write("POST", "/erp/purchases", purchase(remote)).status_code == 201
    assert all(one["reference"] != "case-7" for one in remote.all("/erp/purchases"))
    remote.inject("lying_writes", system="storefront", probability=0)
    remote.write("PUT", LISTING, {"quantity": 5, "expected_quantity": seen["quantity"]})
    assert quantity(remote) == 5


def test_a_write_that_fails_afterwards_was_made_and_replays_as_made(remote: Remote) -> None:
    remote.inject("write_then_fail", system="storefront", probability=1)
    body = {"quantity": 5, "expected_quantity": quantity(remote)}
    assert remote.write("PUT", LISTING, body, key="k").status_code == 500
    assert quantity(remote) == 5
    remote.inject("write_then_fail", system="storefront", probability=0)
    assert remote.write("PUT", LISTING, body, key="k").status_code == 200


def waiting_to_be_picked(remote: Remote) -> list[dict[str, Any]]:
    """Let time pass until three orders wait in one location's pick wave; gives their work in the order of the wave."""
    for _ in range(200):
        remote.advance(1 / 6)
        turns = sorted(
            (due, event[0]) for due, _, kind, event in remote.merchant.world.queue if (kind, event[1:]) == PICKING
        )
        wave = [remote.get(f"/warehouse/work/{name}") for _, name in turns]
        for location in ("NORTH", "SOUTH", "3PL"):
            here = [one for one in wave if one["location"] == location]
            if len(here) >= 3:
                return here
    raise AssertionError("three orders never waited at once")


PICKING = ("stage", ["picking"])


def prioritise(remote: Remote, work: dict[str, Any], priority: int) -> Any:  # noqa: ANN401 - a response
    body = {"priority": priority, "expected_version": work["version"], "reference": "case-9"}
    return remote.write("PUT", f"/warehouse/work/{work['id']}/priority", body)


def test_urgent_work_is_picked_first_and_the_others_one_place_later(remote: Remote) -> None:
    wave = waiting_to_be_picked(remote)
    last = wave[-1]
    done = prioritise(remote, last, 9)
    assert (done.status_code, done.json()["priority"], done.json()["version"]) == (200, 9, last["version"] + 1)
    [change] = done.json()["changes"]
    assert (change["from"], change["to"], change["reference"]) == (0, 9, "case-9")
    began: list[str] = []
    for _ in range(90):
        remote.advance(1 / 60)
        now = [one["id"] for one in wave if remote.get(f"/warehouse/work/{one['id']}")["status"] != "released"]
        began += [name for name in now if name not in began]
    assert began[0] == last["id"]
    assert began[1:] == [one["id"] for one in wave[:-1]], "the others keep their order"


def test_a_priority_that_is_taken_back_gives_the_wave_its_old_order(remote: Remote) -> None:
    wave = waiting_to_be_picked(remote)
    before = list(remote.merchant.world.queue)
    turns = [list(event) for _, _, kind, event in before if kind == "stage"]
    raised = prioritise(remote, wave[-1], 9).json()
    assert [list(event) for _, _, kind, event in before if kind == "stage"] != turns
    assert prioritise(remote, raised, 0).status_code == 200
    assert [list(event) for _, _, kind, event in before if kind == "stage"] == turns


def test_a_priority_is_set_only_on_work_that_is_as_the_caller_has_seen_it(remote: Remote) -> None:
    work = waiting_to_be_picked(remote)[0]
    assert prioritise(remote, {**work, "version": work["version"] - 1}, 9).status_code == 409
    assert prioritise(remote, work, 10).status_code == 422
    assert prioritise(remote, {**work, "id": "none"}, 9).status_code == 404
    shipped = next(one for one in remote.all("/warehouse/work") if one["status"] == "shipped")
    assert prioritise(remote, shipped, 9).status_code == 409
    path = f"/warehouse/work/{work['id']}/priority"
    assert remote.ask("PUT", path, json={"priority": 9, "expected_version": work["version"]}).status_code == 400
    remote.inject("lying_writes", system="warehouse", probability=1)
    assert prioritise(remote, work, 9).json()["priority"] == 9
    assert remote.get(f"/warehouse/work/{work['id']}") == work
