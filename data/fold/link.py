"""Whose line is meant: a warehouse or an ERP that keeps lines of its own is met by item.

A system that was given the channel's line ids repeats them. One that made its own document of the order has other ids;
its units then serve the order's lines of the same item, one line after the other, each as far as it was ordered. Units
beyond what was ordered stay with the last of these lines; an item that the order lacks keeps the id that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from data.events import InspectionStated, ParcelStated, ReturnStated, Units, WorkStated

Document = TypeVar("Document", ParcelStated, WorkStated)
#: What is ordered or announced, by line: (item, units).
Ordered = Mapping[str, tuple[str, int]]


def by_line(documents: Sequence[Document], ordered: Ordered) -> list[Document]:
    """Name the order's lines in documents that name their own; together they serve each line once."""
    if all(units.line in ordered for document in documents for units in document.lines):
        return list(documents)
    left = _Left(ordered)
    return [
        msgspec.structs.replace(d, lines=tuple(_whole(part for u in d.lines for part in left.take(u))))
        for d in documents
    ]


def work_by_line(works: Sequence[WorkStated], ordered: Ordered) -> list[WorkStated]:
    """Name the order's lines in work; what was cancelled stands beside what took its place."""
    cancelled = iter(by_line([w for w in works if w.status == "cancelled"], ordered))
    others = iter(by_line([w for w in works if w.status != "cancelled"], ordered))
    return [next(cancelled if w.status == "cancelled" else others) for w in works]


def by_return(inspections: Sequence[InspectionStated], returns: Sequence[ReturnStated]) -> list[InspectionStated]:
    """Name the channel's returns, and their lines, in inspections that name their own.

    What nobody named is one that still lacks an inspection and announced these items: first one with the very units,
    then the one that was asked for first.
    """
    named = {r.return_: r for r in returns}
    taken = {i.return_ for i in inspections}
    free = [r for r in sorted(returns, key=lambda r: (r.requested_at, r.return_)) if r.return_ not in taken]
    linked = []
    for inspection in inspections:
        meant = named.get(inspection.return_)
        if meant is None and (meant := _announced(inspection, free)) is not None:
            free.remove(meant)
        linked.append(inspection if meant is None else _of_return(inspection, meant))
    return linked


def _announced(inspection: InspectionStated, free: Sequence[ReturnStated]) -> ReturnStated | None:
    found = _by_sku(inspection.lines)
    fitting = [r for r in free if found.keys() <= _by_sku(r.lines).keys()]
    return next((r for r in fitting if _by_sku(r.lines) == found), fitting[0] if fitting else None)


def _of_return(inspection: InspectionStated, meant: ReturnStated) -> InspectionStated:
    """Name the lines that the channel announced; each part of a line keeps what was found of it."""
    ordered = {u.line: (u.sku, u.units) for u in meant.lines}
    if inspection.return_ == meant.return_ and all(u.line in ordered for u in inspection.lines):
        return inspection
    left = _Left(ordered)
    parts = [
        (part, found)
        for units, found in zip(inspection.lines, inspection.dispositions, strict=True)
        for part in left.take(units)
    ]
    return msgspec.structs.replace(
        inspection, return_=meant.return_, lines=tuple(part for part, _ in parts),
        dispositions=tuple(found for _, found in parts),
    )  # fmt: skip


class _Left:
    """What is left of each line to be served."""

    def __init__(self, ordered: Ordered) -> None:
        self._units = {line: units for line, (_, units) in ordered.items()}
        self._lines: dict[str, list[str]] = {}
        for line, (sku, _) in ordered.items():
            self._lines.setdefault(sku, []).append(line)

    def take(self, units: Units) -> list[Units]:
        if units.line in self._units:
            self._units[units.line] -= units.units
            return [units]
        lines = self._lines.get(units.sku)
        if not lines:
            return [units]
        parts: list[Units] = []
        wanted = units.units
        for line in lines:
            part = wanted if line == lines[-1] else min(wanted, max(self._units[line], 0))
            if part:
                self._units[line] -= part
                wanted -= part
                parts.append(Units(line, units.sku, part))
        return parts or [Units(lines[-1], units.sku, 0)]


def _whole(parts: Iterable[Units]) -> list[Units]:
    """Put parts of one line together: a document names a line once."""
    found: dict[tuple[str, str], int] = {}
    for part in parts:
        found[part.line, part.sku] = found.get((part.line, part.sku), 0) + part.units
    return [Units(line, sku, units) for (line, sku), units in found.items()]


def _by_sku(lines: Iterable[Units]) -> dict[str, int]:
    found: dict[str, int] = {}
    for units in lines:
        found[units.sku] = found.get(units.sku, 0) + units.units
    return found
