"""Which format a column of times is written in. A column that reads as day/month and as month/day is refused."""

from __future__ import annotations

from collections.abc import Sequence

from data.errors import ConfigError
from ingest.files.cells import by_format, by_iso

_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")
_DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y",
    "%m-%d-%y", "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
#: So many distinct cells tell a format.
_SAMPLE = 5_000
#: A format must fit this share of the cells; the others become dead letters.
_ENOUGH = 0.8


def infer_formats(cells: Sequence[str], where: str) -> tuple[str, ...]:
    """Find the format of a column's distinct cells; empty for ISO 8601.

    Raises:
        ConfigError: none fits, or two fit and disagree; the message says what to declare.
    """
    sample = sorted(cells)[:: max(1, len(cells) // _SAMPLE)]
    if not sample or sum(by_iso(cell) is not None for cell in sample) >= _ENOUGH * len(sample):
        return ()
    shapes = [day + clock for day in _DAYS for clock in _CLOCKS]
    fits = {shape: {cell for cell in sample if by_format(cell, shape)} for shape in shapes}
    best = max(fits.values(), key=len)
    leaders = [shape for shape, fit in fits.items() if len(fit) == len(best)]
    rivals = [shape for shape, fit in fits.items() if fit - best]
    if rivals and (len(best) < _ENOUGH * len(sample) or _swapped(leaders[0], rivals)):
        examples = f"{min(best)!r} and {min(fits[rivals[0]] - best)!r}" if best else repr(sample[0])
        raise ConfigError(
            f"{where} has times written in several ways, such as {examples}; declare formats = [...] in the order in "
            "which they are to be tried"
        )
    if len(best) < _ENOUGH * len(sample):
        raise ConfigError(f"{where} has times such as {sample[0]!r}; declare formats = ['%d/%m/%Y %H:%M'] or the like")
    readings = {tuple(by_format(cell, shape) for cell in sorted(best)) for shape in leaders}
    if len(readings) > 1:
        raise ConfigError(
            f"{where} can be read as day/month and as month/day, such as {min(best)!r}; "
            f"declare formats = ['{leaders[0]}'] or ['{leaders[1]}']"
        )
    return (leaders[0],)


def _swapped(shape: str, others: Sequence[str]) -> bool:
    """Tell whether another format is this one with day and month exchanged."""
    exchanged = shape.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    return exchanged in others
