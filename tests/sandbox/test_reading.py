"""Lists, items, cursors, tokens and rates."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import Remote, open_remote


def test_a_list_is_ordered_and_complete_whatever_the_page_size(calm: Remote) -> None:
    whole = calm.all("/storefront/returns", limit=1000)
    assert calm.all("/storefront/returns", limit=333) == whole
    keys = [(item["updated_at"], item["id"]) for item in whole]
    assert keys == sorted(keys)
    assert sorted(item["id"] for item in whole) == calm.get("/storefront/returns/keys")["keys"]


def test_a_changed_item_moves_to_the_end_of_its_list(remote: Remote) -> None:
    first = remote.get("/storefront/listings", limit=1)["items"][0]
    body = {"quantity": 1, "expected_quantity": first["quantity"], "reference": "test"}
    assert remote.write("PUT", f"/storefront/listings/{first['id']}", body).status_code == 200
    items = remote.all("/storefront/listings")
    assert items[-1]["id"] == first["id"]
    assert sum(item["id"] == first["id"] for item in items) == 1


def test_updated_since_gives_what_changed_from_that_instant_on(remote: Remote) -> None:
    before = remote.http.get("/clock").json()["now"]
    remote.advance(2)
    changed = remote.get("/warehouse/stock", updated_since=before, limit=1000)["items"]
    assert changed
    assert all(item["updated_at"] >= before for item in changed)
    last = changed[-1]["updated_at"]
    assert remote.get("/warehouse/stock", updated_since=last)["items"] != []


@pytest.mark.parametrize("cursor", ["nonsense", "!!!", "", base64.urlsafe_b64encode(b"[1]").decode()])
def test_a_malformed_cursor_is_refused(calm: Remote, cursor: str) -> None:
    response = calm.ask("GET", "/storefront/orders", params={"cursor": cursor})
    assert (response.status_code, response.json()) == (400, {"error": "cursor_invalid"})


def test_a_cursor_of_another_stream_is_refused(calm: Remote) -> None:
    cursor = calm.get("/storefront/orders", limit=1)["next"]
    assert calm.ask("GET", "/storefront/payments", params={"cursor": cursor}).status_code == 400


def test_a_cursor_of_an_earlier_run_has_expired(calm: Remote, history: Path) -> None:
    cursor = calm.get("/storefront/orders", limit=1)["next"]
    response = open_remote(history).ask("GET", "/storefront/orders", params={"cursor": cursor})
    assert (response.status_code, response.json()) == (410, {"error": "cursor_expired"})


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"updated_since": "2026-01-01T00:00:00"}]
)
def test_a_senseless_question_is_refused(calm: Remote, params: dict[str, Any]) -> None:
    assert calm.ask("GET", "/storefront/orders", params=params).status_code == 422


def test_a_system_asks_for_its_own_token(calm: Remote) -> None:
    wrong = {"Authorization": "Bearer erp-token"}
    assert calm.ask("GET", "/storefront/orders", headers=wrong).status_code == 401
    assert calm.http.get("/storefront/orders").status_code == 401
    assert calm.http.get("/state/storefront/orders/536365").status_code == 401


def test_what_is_not_there_is_not_found(calm: Remote) -> None:
    for path in ("/storefront/orders/none", "/storefront/none", "/storefront/none/keys", "/none/orders"):
        assert calm.ask("GET", path).status_code == 404


def test_who_asks_too_often_is_told_when_to_come_back(history: Path) -> None:
    remote = open_remote(history, rate=5)
    answers = [remote.ask("GET", "/erp/suppliers") for _ in range(8)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert remote.ask("GET", "/carrier/parcels").status_code == 200


def test_about_says_what_is_real(calm: Remote) -> None:
    about = calm.http.get("/about").json()
    assert about["orders_real"] == 19_959
    assert 0 < about["unlinked_pct"] < 30
    assert "Daqing Chen" in about["attribution"]


def test_the_clock_stands_steps_and_runs(remote: Remote) -> None:
    first = remote.http.get("/clock").json()
    assert first == {"now": "2026-11-20T16:30:00+00:00", "running": False}
    remote.advance(1.5)
    assert remote.http.get("/clock").json()["now"] == "2026-11-20T18:00:00+00:00"
    assert remote.http.post("/clock", json={"running": True}).json()["running"] is True
    assert remote.http.get("/clock").json()["now"] > "2026-11-20T18:00:00"
    assert remote.http.post("/clock", json={"running": False}).json()["running"] is False
    assert remote.http.get("/clock").json() == remote.http.get("/clock").json()


def test_the_clock_refuses_nonsense(remote: Remote) -> None:
    assert remote.http.post("/clock/advance", json={"seconds": -1}).status_code == 422
    assert remote.http.post("/clock/advance", content=b"{").status_code == 422
    assert remote.http.post("/clock", json={"running": "yes"}).status_code == 422
