"""What the storefront lists, in the order of a first read, and how fresh each must be."""

from __future__ import annotations

from datetime import timedelta

from ingest.adapter import Stream

MINUTES = timedelta(minutes=1)

STREAMS = {
    stream.name: stream
    for stream in (
        Stream(name="channels", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="orders", interval=MINUTES, grace=5 * MINUTES, personal=("customer.email", "customer.name")),
        Stream(name="listings", interval=MINUTES, grace=5 * MINUTES),
        Stream(name="payments", interval=5 * MINUTES, grace=10 * MINUTES),
        Stream(name="returns", interval=5 * MINUTES, grace=10 * MINUTES),
    )
}
