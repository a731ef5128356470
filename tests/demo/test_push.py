"""A change in a remote system reaches the desk by push, long before anybody polls."""

from __future__ import annotations

import statistics
import time

import httpx
import pytest

from data.publish import open_facts
from data.settings import read_settings
from data.store import Store, open_store
from tests.demo.conftest import RunningDemo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN_SECONDS = 2.0


def quantity(store: Store, listing: str) -> int:
    found = open_facts(store).rows("listing").filter(entity=listing).collect()
    return int(found["quantity"][0])


def test_a_change_reaches_the_desk_within_two_seconds(running_demo: RunningDemo) -> None:
    store = open_store(read_settings(running_demo.env), "demo", create=False)
    token = {"Authorization": "Bearer storefront-token"}
    with httpx.Client(base_url=running_demo.sandbox, headers=token) as shop:
        listings = shop.get("/storefront/listings", params={"limit": 5}).json()["items"]
        taken = [seconds_until_seen(shop, store, listing["id"]) for listing in listings]
    store.close()
    assert statistics.median(taken) < WITHIN_SECONDS, taken


def seconds_until_seen(shop: httpx.Client, store: Store, listing: str) -> float:
    """Change a listing at the shop and wait until the newest publication shows it."""
    now = shop.get(f"/storefront/listings/{listing}").json()["quantity"]
    change = {"quantity": now + 1, "expected_quantity": now, "reference": "somebody else"}
    answer = shop.put(f"/storefront/listings/{listing}", json=change, headers={"Idempotency-Key": f"push-{listing}"})
    assert answer.status_code == 200
    began = time.monotonic()
    while quantity(store, listing) != now + 1:
        assert time.monotonic() - began < 30, f"{listing} did not arrive"
        time.sleep(0.05)
    return time.monotonic() - began
