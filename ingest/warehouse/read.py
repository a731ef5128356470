"""What the warehouse lists, in the order of a first read, and how fresh each must be."""

from __future__ import annotations

from datetime import timedelta

from ingest.adapter import Stream

MINUTES = timedelta(minutes=1)

STREAMS = {
    stream.name: stream
    for stream in (
        Stream(name="locations", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="stock", interval=MINUTES, grace=5 * MINUTES),
        Stream(name="work", interval=MINUTES, grace=5 * MINUTES, parser=3),
        Stream(name="shipments", interval=MINUTES, grace=5 * MINUTES, parser=2),
        Stream(name="stock_history", interval=60 * MINUTES, grace=60 * MINUTES),
        Stream(name="inspections", interval=5 * MINUTES, grace=10 * MINUTES, parser=2),
        Stream(name="transfers", interval=5 * MINUTES, grace=10 * MINUTES),
    )
}
