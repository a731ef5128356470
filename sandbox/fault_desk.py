"""Orders for faults: which kinds there are and what each asks for."""

from __future__ import annotations

import msgspec

from sandbox.faults import Fault
from sandbox.merchant import Merchant
from sandbox.transport import SYSTEMS, Bucket, HttpFaults
from sandbox.webhooks import WebhookFaults


class UnknownFault(Exception):  # noqa: N818 - it names what the client must hear
    """The order for a fault makes no sense."""


class Order(msgspec.Struct):
    """An order for faults; what a kind does not use is ignored."""

    kind: str
    seed: int = 0
    count: int = 1
    system: str | None = None
    stream: str | None = None
    probability: float = 0.0
    per_second: float = 0.0
    id: str | None = None


def inject(merchant: Merchant, body: bytes) -> list[Fault]:
    """Carry out an order for faults."""
    order = msgspec.json.decode(body, type=Order)
    if order.kind in merchant.faults.kinds:
        return merchant.faults.inject(order.kind, order.seed, order.count)
    if order.kind == "webhooks":
        merchant.webhooks.faults = msgspec.json.decode(body, type=WebhookFaults)
        return [_note(merchant, order, body)]
    systems = _systems(merchant, order)
    if order.kind == "feed_stopped":
        merchant.world.tick()
        stopped = [merchant.stop_feed(system, order.stream) for system in systems]
        return [merchant.faults.note("feed_stopped", "X46", name) for name in stopped]
    if order.kind == "feed_resumed":
        resumed = [name for system in systems for name in merchant.resume_feed(system, order.stream)]
        merchant.violations()
        return [fault for fault in merchant.faults.all if fault.detector == "X46" and fault.subject in resumed]
    for system in systems:
        _set_wire(merchant, order, system, body)
    return [_note(merchant, order, body)]


def _systems(merchant: Merchant, order: Order) -> list[str]:
    if order.system is None and not order.kind.startswith("feed_"):
        return list(SYSTEMS)
    if order.system not in SYSTEMS:
        raise UnknownFault(f"system is one of {', '.join(SYSTEMS)}")
    if order.stream is not None and order.stream not in merchant.world.streams[order.system]:
        raise UnknownFault(f"{order.system} has no stream {order.stream}")
    return [order.system]


def _set_wire(merchant: Merchant, order: Order, system: str, body: bytes) -> None:
    wire = merchant.transport.wires[system]
    if order.kind == "http":
        wire.http = msgspec.json.decode(body, type=HttpFaults)
    elif order.kind == "lying_writes":
        wire.lying_writes = order.probability
    elif order.kind == "write_then_fail":
        wire.write_then_fail = order.probability
    elif order.kind == "rate_limit" and order.per_second > 0:
        merchant.transport.buckets[system] = Bucket(order.per_second)
    else:
        raise UnknownFault(f"no fault of kind {order.kind}")


def _note(merchant: Merchant, order: Order, body: bytes) -> Fault:
    params = {name: value for name, value in msgspec.json.decode(body).items() if name != "kind"}
    fault = merchant.faults.note(order.kind, None, order.system or "*", params)
    fault.state = "active"
    return fault
