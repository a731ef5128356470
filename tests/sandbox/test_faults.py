"""Faults appear in the truth, and go when somebody puts them right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Remote


def expected_listing(remote: Remote, listing_id: str) -> int:
    channel, _, sku = listing_id.partition(":")
    world = remote.merchant.world
    return world.storefront.expected(channel, world.catalog.index[sku])


def test_a_healthy_world_holds_few_violations_and_none_of_the_integrations(remote: Remote) -> None:
    for _ in range(3):
        for detector in ("X02", "X10", "X22", "X46"):
            assert remote.truth(detector) == {}, detector
        assert len(remote.truth("X01")) <= 12
        assert len(remote.truth("X37")) <= 45
        assert sum(one["p"] >= 0.95 for one in remote.truth("X37").values()) <= 20
        remote.advance(24)


def test_a_stuck_listing_is_wrong_until_it_is_set_right_and_then_follows_its_stock(remote: Remote) -> None:
    subjects = [fault["subject"] for fault in remote.inject("listing_stuck", count=4, seed=3)]
    assert set(remote.truth("X02", injected=True)) == set(subjects)
    remote.advance(24)
    for subject in subjects:
        path = f"/storefront/listings/{subject}"
        body = {"quantity": expected_listing(remote, subject), "expected_quantity": remote.get(path)["quantity"]}
        assert remote.write("PUT", path, body).status_code == 200
    assert remote.truth("X02") == {}
    remote.advance(24)
    assert remote.truth("X02") == {}
    assert {fault["state"] for fault in remote.http.get("/faults").json()} == {"over"}


def test_a_paused_listing_is_no_longer_wrong(remote: Remote) -> None:
    [fault] = remote.inject("listing_stuck", seed=5)
    remote.write("PUT", f"/storefront/listings/{fault['subject']}", {"active": False, "expected_active": True})
    assert remote.truth("X02") == {}


def test_a_wrong_write_does_not_heal(remote: Remote) -> None:
    [fault] = remote.inject("listing_stuck", seed=6)
    path = f"/storefront/listings/{fault['subject']}"
    wrong = expected_listing(remote, fault["subject"]) + 500
    remote.write("PUT", path, {"quantity": wrong, "expected_quantity": remote.get(path)["quantity"]})
    remote.advance(2)
    assert fault["subject"] in remote.truth("X02")


def test_oversold_stock_stays_short_of_its_demand(remote: Remote) -> None:
    subjects = {fault["subject"] for fault in remote.inject("oversold", count=3, seed=1)}
    assert subjects <= remote.truth("X01", injected=True).keys()
    for subject in subjects:
        stock = remote.get(f"/warehouse/stock/{subject}")
        assert stock["on_hand"] - stock["quarantined"] - stock["damaged"] < stock["allocated"]
    remote.advance(30)
    stock = remote.all("/warehouse/stock")
    assert min(item["on_hand"] for item in stock) >= 0
    assert remote.truth("X01", injected=True)
    assert remote.truth("X02") == {}


def test_a_purchase_mends_what_was_oversold(remote: Remote) -> None:
    [fault] = remote.inject("oversold", seed=2)
    sku, _, location = fault["subject"].partition("@")
    supplier = remote.get(f"/erp/items/{sku}")["supplier"]
    lines = [{"sku": sku, "quantity": 5000}]
    body = {"supplier": supplier, "location": location, "lines": lines, "reference": "mend"}
    assert remote.write("POST", "/erp/purchases", body).status_code == 201
    remote.advance(24 * 23)
    assert fault["subject"] not in remote.truth("X01")


def test_stuck_work_is_late_once_its_date_has_passed(remote: Remote) -> None:
    faults = remote.inject("work_stuck", count=3)
    assert remote.truth("X10") == {}
    remote.advance(80)
    assert remote.truth("X10").keys() == {fault["subject"] for fault in faults}
    assert all(one["injected"] for one in remote.truth("X10").values())
    for fault in faults:
        assert remote.http.delete(f"/faults/{fault['id']}").json()["state"] == "over"
    remote.advance(31)
    assert remote.truth("X10") == {}


def test_stuck_work_goes_on_when_it_is_given_priority(remote: Remote) -> None:
    faults = remote.inject("work_stuck", count=3)
    remote.advance(80)
    for order in remote.truth("X10"):
        [work] = [one for one in remote.all("/warehouse/work") if one["order"] == order and one["status"] != "shipped"]
        body = {"priority": 9, "expected_version": work["version"], "reference": "case-3"}
        assert remote.write("PUT", f"/warehouse/work/{work['id']}/priority", body).status_code == 200
    assert len(remote.truth("X10")) == 3, "it is late until it has left"
    remote.advance(25)
    assert remote.truth("X10") == {}
    assert {fault["state"] for fault in remote.http.get("/faults").json()} == {"over"}
    assert len(faults) == 3


def test_a_lost_fulfilment_is_missed_after_half_an_hour_and_can_be_told(remote: Remote) -> None:
    faults = remote.inject("fulfilment_lost", count=3)
    assert remote.truth("X22") == {}
    remote.advance(0.6)
    assert remote.truth("X22").keys() == {fault["subject"] for fault in faults}
    for fault in faults:
        tell(remote, fault["subject"])
    assert remote.truth("X22") == {}


def tell(remote: Remote, order_id: str) -> None:
    known = {one["tracking"] for one in remote.get(f"/storefront/orders/{order_id}")["fulfillments"]}
    recent = remote.get("/warehouse/shipments", updated_since="2026-11-20T16:30:00+00:00")["items"]
    for parcel in recent:
        if parcel["order"] == order_id and parcel["tracking"] not in known:
            lines = [{"line": line["line"], "quantity": line["quantity"]} for line in parcel["lines"]]
            body = {"lines": lines, "carrier": parcel["carrier"], "tracking": parcel["tracking"]}
            assert remote.write("POST", f"/storefront/orders/{order_id}/fulfillments", body).status_code == 201


def test_stock_run_down_will_run_out(remote: Remote) -> None:
    subjects = {fault["subject"] for fault in remote.inject("stock_run_down", count=4)}
    risks = remote.truth("X37", injected=True)
    assert risks.keys() == subjects
    assert all(one["p"] >= 0.95 for one in risks.values())
    remote.advance(72)
    assert all(one["p"] >= 0.95 for one in remote.truth("X37", injected=True).values())
    assert remote.truth("X37", injected=True).keys() == subjects


@pytest.mark.parametrize("stream", [None, "stock"])
def test_a_stopped_feed_shows_the_moment_it_stopped_and_goes_on_when_resumed(
    remote: Remote, stream: str | None
) -> None:
    params: dict[str, Any] = {"system": "warehouse"} | ({"stream": stream} if stream else {})
    before = remote.all("/warehouse/stock")
    [fault] = remote.inject("feed_stopped", **params)
    assert remote.truth("X46").keys() == {fault["subject"]}
    remote.advance(8)
    assert remote.all("/warehouse/stock") == before
    assert remote.get("/warehouse/stock")["as_of"] < remote.http.get("/clock").json()["now"]
    changed = next(item for item in before if remote.state(f"/warehouse/stock/{item['id']}") != item)
    assert remote.get(f"/warehouse/stock/{changed['id']}") == changed
    [over] = remote.inject("feed_resumed", **params)
    assert (over["id"], over["state"]) == (fault["id"], "over")
    assert remote.truth("X46") == {}
    assert remote.get(f"/warehouse/stock/{changed['id']}") != changed


def test_a_fault_for_nobody_is_refused(remote: Remote) -> None:
    for body in ({"kind": "none"}, {"kind": "feed_stopped"}, {"kind": "http", "system": "moon"}, {}):
        assert remote.http.post("/faults", json=body).status_code == 422
    assert remote.http.delete("/faults/none").status_code == 404


def test_the_wire_can_fail_in_every_way(remote: Remote) -> None:
    remote.inject("http", system="erp", status_429=1)
    assert remote.ask("GET", "/erp/suppliers").headers["Retry-After"] == "1"
    remote.inject("http", system="erp", status_500=1)
    assert remote.ask("GET", "/erp/suppliers").status_code == 500
    remote.inject("http", system="erp", html_200=1)
    assert "html" in remote.ask("GET", "/erp/suppliers").headers["content-type"]
    remote.inject("http", system="erp", status_500=1, writes_only=True)
    assert remote.ask("GET", "/erp/suppliers").status_code == 200
    remote.inject("http", system="erp")
    assert remote.ask("GET", "/erp/suppliers").status_code == 200
    remote.inject("rate_limit", system="erp", per_second=1)
    assert [remote.ask("GET", "/erp/suppliers").status_code for _ in range(3)] == [200, 429, 429]
