"""A process to be killed: it takes in a source from where the log stands, a little twice, and publishes as it goes.

`python -m tests.data.victim HOME MESSAGES` prints each position after its commit, and `done` at the end.
"""

from __future__ import annotations

import sys
from itertools import count

from data.clock import to_micros
from data.lake import Lake
from data.log.append import Received, append, prepare, source_id
from data.log.sources import read_cursor
from data.publish import compact, publish
from data.settings import read_settings
from data.store import Store, open_store
from tests.factories import NOON, a_line, an_order, received

OVERLAP = 25


def chunk_of(messages: int) -> int:
    """Tell how many messages one transaction takes: a long way is gone in a thousand steps."""
    return max(10, messages // 1_000)


def orders_among(messages: int) -> int:
    """Tell how many orders so many messages are about: an order has some thirty versions, never thousands."""
    return max(40, messages // 30)


def message(number: int, orders: int) -> Received:
    """Make the source's message of that number: order after order gets its next version."""
    version, order = divmod(number, orders)
    return received(an_order(f"o{order}", a_line(units=version + 1)), version=version + 1)


def run(store: Store, messages: int) -> None:
    """Take in every message and publish."""
    lake, orders, chunk = Lake(store.facts), orders_among(messages), chunk_of(messages)
    with store.log.write() as conn:
        source = source_id(conn, "shop", "orders")
        position = max(int(read_cursor(conn, source) or 0) - OVERLAP, 0)
    for step in count(1):
        if position == messages:
            break
        stop = min(position + chunk, messages)
        items = prepare(message(number, orders) for number in range(position, stop))
        with store.log.write() as conn:
            append(conn, source, items, received_at=to_micros(NOON), parser=1, cursor=str(stop))
        sys.stdout.write(f"{stop}\n")
        sys.stdout.flush()
        position = stop
        publish(store, now=NOON, lake=lake)
        if step % 3 == 0:
            compact(store, now=NOON, force=True, lake=lake)
    publish(store, now=NOON, lake=lake)


if __name__ == "__main__":
    run(open_store(read_settings({"FILLWELL_HOME": sys.argv[1]}), "mine"), int(sys.argv[2]))
    sys.stdout.write("done\n")
