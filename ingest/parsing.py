"""An item's bytes to its events, by whichever parser: what cannot be understood comes back with its reason."""

from __future__ import annotations

import msgspec

from data.errors import RecordInvalid
from data.events import Event
from data.log.append import Received
from ingest.adapter import RawItem
from ingest.shapes import Parser


def parsed(parser: Parser, item: RawItem) -> Received:
    """Translate one item into events; a bad one comes back with its error."""
    try:
        return received(item, parser(item.raw))
    except RecordInvalid as invalid:
        return received(item, error=invalid)
    except msgspec.ValidationError as error:
        return received(item, error=RecordInvalid(str(error), error_class="shape"))
    except (msgspec.MsgspecError, UnicodeError) as error:
        return received(item, error=RecordInvalid(str(error), error_class="json"))
    except RecursionError as error:
        return received(item, error=RecordInvalid(str(error), error_class="deep"))
    except (ArithmeticError, ValueError) as error:
        return received(item, error=RecordInvalid(str(error), error_class="value"))


def received(item: RawItem, events: tuple[Event, ...] = (), error: RecordInvalid | None = None) -> Received:
    """Make what the log takes of an item and of what a parser said of it."""
    return Received(
        key=item.key, raw=item.raw, version=item.version, observed_at=item.observed_at,
        changed_at=item.changed_at, events=events, error=error, place=item.place,
    )  # fmt: skip
