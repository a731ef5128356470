"""What the carrier lists, and how fresh it must be."""

from __future__ import annotations

from datetime import timedelta

from ingest.adapter import Stream

MINUTES = timedelta(minutes=1)

STREAMS = {"parcels": Stream(name="parcels", interval=5 * MINUTES, grace=10 * MINUTES)}
