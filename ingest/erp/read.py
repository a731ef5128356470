"""What the ERP lists, in the order of a first read, and how fresh each must be."""

from __future__ import annotations

from datetime import timedelta

from ingest.adapter import Stream

MINUTES = timedelta(minutes=1)

STREAMS = {
    stream.name: stream
    for stream in (
        Stream(name="items", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="suppliers", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="terms", interval=15 * MINUTES, grace=15 * MINUTES, parser=2),
        Stream(name="sales", interval=5 * MINUTES, grace=10 * MINUTES),
        Stream(name="purchases", interval=5 * MINUTES, grace=10 * MINUTES),
    )
}
