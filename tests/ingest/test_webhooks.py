"""Webhooks: what is genuine, fresh and readable is stored once; everything else is turned away and counted."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook
from starlette.applications import Starlette

from data.events import OrderStated
from data.log.lookup import last_heard
from data.store import Store
from ingest.adapter import Adapter
from ingest.replies import DOOR, LARGEST_BODY, Reply
from ingest.sync import Drift, pull, reconcile
from ingest.webhooks import receive, routes
from tests.ingest.factories import (
    NOON,
    a_store,
    accounted,
    an_adapter,
    an_order,
    dice_of,
    json_values,
    outcomes,
    status_of,
)
from tests.ingest.remote import Remote

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of as many bytes.").decode()


def a_body(item: dict[str, Any], *, stream: str = "orders", at: datetime = NOON) -> bytes:
    envelope = {"type": f"storefront.{stream}.updated", "stream": stream, "timestamp": at.isoformat(), "data": item}
    return json.dumps(envelope).encode()


def a_version(number: int, **fields: object) -> dict[str, Any]:
    return {**an_order(), "version": number, "updated_at": (NOON + timedelta(minutes=number)).isoformat(), **fields}


def headers_for(
    body: bytes, *, secrets: Sequence[str] = (SECRET,), message: str = "msg_1", at: datetime = NOON
) -> dict[str, str]:
    signatures = [Webhook(secret).sign(message, at, body.decode("utf-8", "replace")) for secret in secrets]
    return {
        "Webhook-Id": message,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": " ".join(signatures),
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


@pytest.fixture
def remote() -> Remote:
    return Remote(NOON)


@pytest.fixture
def shop(remote: Remote) -> Adapter:
    return an_adapter("storefront", remote)


def deliver(
    store: Store,
    shop: Adapter,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    secrets: Sequence[str] = (SECRET,),
    now: datetime = NOON,
) -> Reply:
    given_headers = headers_for(body) if headers is None else headers
    return receive(store, shop, given_headers, body, secrets=secrets, now=now, clock=lambda: NOON)


def test_a_genuine_webhook_is_stored(store: Store, shop: Adapter) -> None:
    assert deliver(store, shop, a_body(a_version(1))).status == 202
    assert outcomes(store) == {"accepted": 1}


def test_the_same_webhook_from_sixteen_threads_has_one_effect(store: Store, shop: Adapter) -> None:
    body = a_body(a_version(1))
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: deliver(store, shop, body), range(100)))
    assert {reply.status for reply in replies} == {202}
    assert outcomes(store) == {"accepted": 1, "duplicate": 99}
    assert accounted(store)


def test_a_late_retry_of_an_older_state_never_takes_the_order_back(store: Store, shop: Adapter) -> None:
    dice = dice_of(5)
    for pair in range(40):
        new, old = (an_order(f"o{pair}", version=v, hold=f"v{v}", updated_at=NOON.isoformat()) for v in (2, 1))
        for item in [*dice.choices((new, old), k=3), new, old]:
            deliver(store, shop, a_body(item))
    with store.log.read() as conn:
        held = [last_heard(conn, "storefront", "orders", f"o{pair}") for pair in range(40)]
    assert {order.hold for order in held if isinstance(order, OrderStated)} == {"v2"}


@pytest.mark.parametrize(
    ("seconds", "status"), [(299, 202), (300, 202), (301, 401), (-299, 202), (-300, 202), (-301, 401)]
)
def test_the_replay_window_is_three_hundred_seconds_on_both_sides(
    store: Store, shop: Adapter, seconds: int, status: int
) -> None:
    now = NOON + timedelta(seconds=seconds)
    assert deliver(store, shop, a_body(a_version(1)), now=now).status == status


def test_both_secrets_hold_while_one_replaces_the_other(store: Store, shop: Adapter) -> None:
    body = a_body(a_version(1))
    for signing in ((SECRET,), (OTHER,), (SECRET, OTHER), (OTHER, SECRET)):
        for known in ((SECRET, OTHER), (OTHER, SECRET)):
            assert deliver(store, shop, body, headers_for(body, secrets=signing), secrets=known).status == 202
    assert deliver(store, shop, body, headers_for(body, secrets=(OTHER,)), secrets=(SECRET,)).status == 401


def forged(body: bytes, dice: random.Random) -> tuple[bytes, dict[str, str]]:
    """Break one thing of a genuine webhook."""
    good, place = headers_for(body), dice.randrange(len(body))
    missing, later = dice.choice(list(good)), int(good["Webhook-Timestamp"]) + dice.choice((-1, 1))
    guess = f"v1,{base64.b64encode(dice.randbytes(32)).decode()}"
    junk = dice.choice(("", "v1", "v1,", "v1,%%%", "v2," + good["Webhook-Signature"][3:], "ü,ü", "v1,ünïcode"))
    changed = body[:place] + bytes([(body[place] + 1) % 128]) + body[place + 1 :]
    return dice.choice(
        [
            (body, {**good, "Webhook-Signature": guess}),
            (body, {name: value for name, value in good.items() if name != missing}),
            (body, headers_for(body, secrets=(OTHER,))),
            (json.dumps(json.loads(body), indent=1).encode(), good),
            (changed, good),
            (body, {**good, "Webhook-Timestamp": str(later)}),
            (body, {**good, "Webhook-Id": "msg_2"}),
            (body, {**good, "Webhook-Signature": junk}),
        ]
    )


def test_nothing_forged_ever_comes_in(store: Store, shop: Adapter) -> None:
    dice = dice_of(3)
    body = a_body(a_version(1))
    for _ in range(200):
        changed, headers = forged(body, dice)
        assert deliver(store, shop, changed, headers).status in (400, 401)
    assert outcomes(store) == {}
    assert status_of(store, "storefront", DOOR).refused == 200


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "1e9", "99999999999999999999", "١٢٣", "1772452800.5", "0"])
def test_a_time_that_is_none_is_refused(store: Store, shop: Adapter, stamp: str) -> None:
    body = a_body(a_version(1))
    assert deliver(store, shop, body, {**headers_for(body), "Webhook-Timestamp": stamp}).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xff\xfe", 400),
        (b"", 400),
        (b"not json", 400),
        (b"[]", 400),
        (b"NaN", 400),
        (b'{"stream": "orders"}', 400),
        (b'{"stream": "gossip", "data": {}}', 404),
        (b'{"stream": "orders", "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"stream": "orders", "data": "' + b"x" * LARGEST_BODY + b'"}', 413),
    ],
)
def test_a_body_that_is_none_is_turned_away_and_counted(store: Store, shop: Adapter, body: bytes, status: int) -> None:
    assert deliver(store, shop, body, headers_for(body)).status == status
    assert status_of(store, "storefront", DOOR).refused == 1
    assert outcomes(store) == {}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | json_values(st.integers() | st.floats() | st.text(max_size=9)))
def test_whatever_a_signed_webhook_carries_is_answered_and_accounted_for(
    store: Store, shop: Adapter, data: object
) -> None:
    body = data if isinstance(data, bytes) else json.dumps({"stream": "orders", "data": data}).encode()
    reply = deliver(store, shop, body, headers_for(body))
    assert reply.status in (202, 400)
    if reply.status == 202:
        assert reply.tally.received == 1
    assert accounted(store)


def test_a_readable_envelope_with_a_bad_item_is_a_dead_letter_with_its_reason(store: Store, shop: Adapter) -> None:
    assert deliver(store, shop, a_body(a_version(1, lines="none"))).body == {"outcome": "dead_letter"}
    assert outcomes(store) == {"dead_letter": 1}


def test_dropped_webhooks_are_found_and_repaired_by_reconciling(store: Store, shop: Adapter, remote: Remote) -> None:
    dice, dropped = dice_of(1), set[str]()
    for number in range(60):
        item = remote.put("orders", an_order(f"o{number:02}"))
        remote.step(1)
        if dice.random() < 0.1:
            dropped.add(item["id"])
        else:
            deliver(store, shop, a_body(item), headers_for(a_body(item), message=f"m{number}"))
    reports: list[Drift] = []
    tally = reconcile(store, shop, "orders", clock=remote.clock, report=reports.append)
    assert dropped
    assert set(reports[0].missing) == dropped
    assert tally.accepted == len(dropped)


def test_a_pull_after_webhooks_only_finds_duplicates(store: Store, shop: Adapter, remote: Remote) -> None:
    item = remote.put("orders", an_order("o1"))
    deliver(store, shop, a_body(item))
    remote.step()
    pulled = pull(store, shop, "orders", clock=remote.clock)
    assert (pulled.accepted, pulled.duplicates) == (0, 1)


def test_the_route_answers_and_tells_that_something_arrived(store: Store, shop: Adapter) -> None:
    heard: list[str] = []
    now = datetime.now(UTC)
    table = routes(
        store, {"storefront": shop}, lambda _name: (SECRET,), clock=lambda: NOON, real_clock=lambda: now,
        arrived=heard.append,
    )  # fmt: skip
    body = a_body(a_version(1))
    headers = headers_for(body, at=now)

    async def post() -> list[int]:
        transport = httpx.ASGITransport(Starlette(routes=table))
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as client:
            return [
                (await client.post(path, content=content, headers=sent)).status_code
                for path, content, sent in (
                    ("/hooks/storefront", body, headers),
                    ("/hooks/storefront", body, headers),
                    ("/hooks/nobody", body, headers),
                    ("/hooks/storefront", body, {}),
                    ("/hooks/storefront", b"x" * (LARGEST_BODY + 5), {}),
                )
            ]

    assert asyncio.run(post()) == [202, 202, 404, 401, 413]
    assert heard == ["storefront"]
