"""What an account may do, found out before anything is read or written: the answer to "test this connection".

A probe asks for one row of every list and for the rights that the system tells of; it changes nothing. A system that
is down, refuses the key or is of a version that cannot be read raises as any read does, with its own sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from data.errors import SourceRejected, SourceUnavailable

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Readable:
    """One stream as this account sees it."""

    stream: str
    records: int | None = None  #: how many there are, where the system counts them
    lacks: str = ""  #: why it cannot be read; empty: it can


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What was found out of an account."""

    about: tuple[tuple[str, str], ...]  #: (what, as the system says): version, company, currency
    rights: str  #: how the system gives rights: all or nothing, or by what
    streams: tuple[Readable, ...]
    lacks: Mapping[str, str] = field(default_factory=dict)  #: verb -> the right that it lacks
    currency: str = ""  #: in which the system keeps its books; empty where it does not say


def looked_at(streams: Iterable[str], count: Callable[[str], int | None]) -> tuple[Readable, ...]:
    """Ask for each stream's number of records; a refusal is that stream's own.

    Raises:
        SourceUnavailable: the system does not answer: nothing is known of any stream.
        SourceRejected: it refuses every one of them.
    """
    found: list[Readable] = []
    refused: SourceRejected | None = None
    for stream in streams:
        try:
            found.append(Readable(stream=stream, records=count(stream)))
        except SourceUnavailable:
            raise
        except SourceRejected as error:
            refused = error
            found.append(Readable(stream=stream, lacks=str(error)))
    if refused is not None and all(one.lacks for one in found):
        raise refused
    return tuple(found)
