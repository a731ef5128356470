"""Changes are told, signed by the standard, and go astray when that is asked for."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import httpx
import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sandbox.webhooks import WebhookFaults, Webhooks
from tests.sandbox.conftest import Remote

SECRET = "whsec_" + base64.b64encode(b"a secret for tests only").decode()
OTHER = "whsec_" + base64.b64encode(b"another one for tests").decode()


def heard(
    count: int, faults: WebhookFaults | None = None, secrets: list[str] | None = None, answers: list[int] | None = None
) -> list[httpx.Request]:
    """Publish so many changes and collect what arrives."""
    requests: list[httpx.Request] = []
    statuses = iter(answers or [])

    def take(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(next(statuses, 204))

    async def run() -> None:
        webhooks = Webhooks(httpx.MockTransport(take))
        webhooks.faults = faults or WebhookFaults()
        webhooks.subscribe("erp", "http://desk.test/in", secrets or [SECRET], ["sales"])
        for number in range(count):
            webhooks.publish("erp", "sales", f"S{number}", b'{"id":"S","version":1}', "2026-01-01T00:00:00+00:00")
        delivery = asyncio.create_task(webhooks.deliver())
        await asyncio.sleep(0.4)
        delivery.cancel()
        await asyncio.gather(delivery, return_exceptions=True)

    asyncio.run(run())
    return requests


def ids(requests: list[httpx.Request]) -> list[str]:
    return [request.headers["webhook-id"] for request in requests]


def test_a_message_verifies_by_the_standard() -> None:
    [request] = heard(1)
    body = Webhook(SECRET).verify(request.content, dict(request.headers))
    assert body["type"] == "erp.sales.updated"
    assert body["data"] == {"id": "S", "version": 1}


def test_while_secrets_rotate_both_verify() -> None:
    [request] = heard(1, secrets=[OTHER, SECRET])
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(request.content, dict(request.headers))


def test_an_altered_message_does_not_verify() -> None:
    [request] = heard(1, WebhookFaults(alter=1))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.content, dict(request.headers))


def test_messages_are_dropped_when_asked() -> None:
    assert heard(5, WebhookFaults(drop=1)) == []
    assert 10 < len(heard(100, WebhookFaults(drop=0.5))) < 90


def test_a_duplicate_is_the_same_message_twice() -> None:
    requests = heard(3, WebhookFaults(duplicate=1))
    assert len(requests) == 6
    assert len(set(ids(requests))) == 3


def test_messages_overtake_each_other_when_asked() -> None:
    arrived = ids(heard(50, WebhookFaults(reorder=0.4)))
    assert arrived != sorted(arrived, key=lambda name: int(name[4:]))


def test_delayed_messages_come_late() -> None:
    assert heard(3, WebhookFaults(delay=1, delay_seconds=30)) == []
    assert len(heard(3, WebhookFaults(delay=1, delay_seconds=0.05))) == 3


def test_a_refused_message_is_sent_again_until_it_is_taken() -> None:
    requests = heard(1, answers=[500])
    assert len(requests) == 2
    assert len(set(ids(requests))) == 1


def subscribe(remote: Remote, **more: object) -> httpx.Response:
    body = {"url": "http://desk.test/in", "secret": SECRET, "streams": ["listings"], **more}
    response: httpx.Response = remote.ask("POST", "/storefront/webhooks", json=body)
    return response


def queued(remote: Remote) -> Callable[[], list[str]]:
    told: list[str] = []
    publish = remote.merchant.webhooks.publish

    def listen(system: str, stream: str, item_id: str, payload: bytes, written: str) -> None:
        assert msgspec.json.decode(payload)["id"] == item_id
        told.append(f"{system}.{stream}:{item_id}")
        publish(system, stream, item_id, payload, written)

    remote.merchant.webhooks.publish = listen  # type: ignore[method-assign]
    return lambda: told


def test_a_change_of_a_subscribed_stream_is_told(remote: Remote) -> None:
    told = queued(remote)
    assert subscribe(remote).status_code == 201
    listing = remote.get("/storefront/listings/web:85123A")
    body = {"quantity": 3, "expected_quantity": listing["quantity"]}
    remote.write("PUT", "/storefront/listings/web:85123A", body)
    assert told() == ["storefront.listings:web:85123A"]


def test_a_stopped_feed_tells_nothing(remote: Remote) -> None:
    told = queued(remote)
    subscribe(remote)
    remote.inject("feed_stopped", system="storefront", stream="listings")
    remote.advance(12)
    assert told() == []


def test_secrets_are_replaced_and_a_subscription_ends(remote: Remote) -> None:
    path = f"/storefront/webhooks/{subscribe(remote).json()['id']}"
    assert remote.ask("PUT", path, json={"secrets": [OTHER, SECRET]}).json()["secrets"] == [OTHER, SECRET]
    assert remote.ask("PUT", path, json={"secrets": []}).status_code == 422
    assert remote.ask("DELETE", path).status_code == 204
    assert remote.ask("DELETE", path).status_code == 404


def test_a_senseless_subscription_is_refused(calm: Remote) -> None:
    assert subscribe(calm, streams=["none"]).status_code == 422
    assert subscribe(calm, secret="short").status_code == 422
    assert subscribe(calm, url=None).status_code == 422
