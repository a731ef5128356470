"""The carrier's shapes, and what they say in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from data.events import Scan, TrackingStated
from ingest.shapes import Context, Item, Parser, Text, Time, maybe_utc, plain, reader, utc


class ScanRead(msgspec.Struct, frozen=True, gc=False):
    """A reading of a parcel's label."""

    at: Time
    code: Text


class Parcel(Item, kw_only=True, frozen=True):
    """What the carrier knows of a parcel; its id is the tracking number."""

    carrier: Text
    scans: tuple[ScanRead, ...] = ()
    delivered_at: Time | None = None


def parsers(context: Context) -> Mapping[str, Parser]:
    """Give the parser of each stream."""
    return {"parcels": reader(Parcel, parcel, context)}


def parcel(raw: Parcel, _context: Context) -> TrackingStated:
    """Translate a carrier's view of a parcel."""
    return TrackingStated(
        tracking=plain(raw.id, "tracking"), carrier=raw.carrier,
        scans=tuple(Scan(utc(scan.at), scan.code) for scan in raw.scans), delivered_at=maybe_utc(raw.delivered_at),
    )  # fmt: skip
