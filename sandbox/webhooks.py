"""Webhooks: every change of a subscribed stream is signed and sent, in the background, until it is taken."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random

import httpx
import msgspec
from standardwebhooks import Webhook

CONCURRENT = 16
BACKOFF_SECONDS = (0.2, 0.5, 1, 2, 5, 15, 30, 60)


class WebhookFaults(msgspec.Struct):
    """Odds that a message goes astray."""

    drop: float = 0.0
    delay: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    alter: float = 0.0
    delay_seconds: float = 3.0


class Subscription(msgspec.Struct):
    """Who wants to hear of which streams of a system."""

    id: str
    system: str
    url: str
    secrets: list[str]
    streams: list[str]


class Message(msgspec.Struct):
    """One signed body on its way."""

    id: str
    subscription: str
    body: str
    wait: float = 0.0
    attempt: int = 0


class Webhooks:
    """Queues and delivers; nothing here ever holds the simulation up."""

    def __init__(self, network: httpx.AsyncBaseTransport | None = None) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.faults = WebhookFaults()
        self.rng = Random(13)
        self.sent = 0
        self._network = network
        self._numbers = 0
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self._held: list[Message] = []

    def subscribe(self, system: str, url: str, secrets: list[str], streams: list[str]) -> Subscription:
        """Take a new subscription."""
        self._numbers += 1
        subscription = Subscription(f"wh-{self._numbers}", system, url, secrets, streams)
        self.subscriptions[subscription.id] = subscription
        return subscription

    def wanted(self, system: str, stream: str) -> list[Subscription]:
        """List who wants to hear of a stream."""
        return [one for one in self.subscriptions.values() if one.system == system and stream in one.streams]

    def publish(self, system: str, stream: str, item_id: str, payload: bytes, written: str) -> None:
        """Queue a change for everybody who subscribed."""
        for subscription in self.wanted(system, stream):
            self._numbers += 1
            body = msgspec.json.encode(
                {
                    "type": f"{system}.{stream}.updated",
                    "id": item_id,
                    "stream": stream,
                    "timestamp": written,
                    "data": msgspec.Raw(payload),
                }
            )
            self._offer(Message(f"msg_{self._numbers}", subscription.id, body.decode()))

    def _offer(self, message: Message) -> None:
        faults, draw = self.faults, self.rng.random
        if draw() < faults.drop:
            return
        if draw() < faults.reorder:
            self._held.append(message)
            return
        if draw() < faults.delay:
            message.wait = faults.delay_seconds
        self._queue.put_nowait(message)
        if draw() < faults.duplicate:
            self._queue.put_nowait(msgspec.structs.replace(message, wait=0.0))
        while self._held:
            self._queue.put_nowait(self._held.pop())

    async def deliver(self) -> None:
        """Send what is queued, for ever."""
        async with (
            httpx.AsyncClient(timeout=5, trust_env=False, transport=self._network) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(CONCURRENT):
                group.create_task(self._work(client, group))

    async def _work(self, client: httpx.AsyncClient, group: asyncio.TaskGroup) -> None:
        while True:
            message = await self._queue.get()
            if message.wait:
                group.create_task(self._queue_later(message))
            elif not await self._is_taken(client, message) and message.attempt < len(BACKOFF_SECONDS):
                message.wait = BACKOFF_SECONDS[message.attempt]
                message.attempt += 1
                group.create_task(self._queue_later(message))

    async def _queue_later(self, message: Message) -> None:
        await asyncio.sleep(message.wait)
        message.wait = 0.0
        self._queue.put_nowait(message)

    async def _is_taken(self, client: httpx.AsyncClient, message: Message) -> bool:
        subscription = self.subscriptions.get(message.subscription)
        if subscription is None:
            return True
        headers = signed(message, subscription.secrets)
        try:
            response = await client.post(subscription.url, content=self._on_the_wire(message), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        self.sent += response.is_success
        return response.is_success

    def _on_the_wire(self, message: Message) -> bytes:
        if self.rng.random() < self.faults.alter:
            return message.body.replace('"version":', '"version":9', 1).encode()
        return message.body.encode()


def signed(message: Message, secrets: list[str]) -> dict[str, str]:
    """Make the headers of Standard Webhooks, one signature for each secret."""
    now = datetime.now(UTC)
    signatures = [Webhook(secret).sign(message.id, now, message.body) for secret in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
