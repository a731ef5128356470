"""Which format a column of times is written in. A column that reads as day/month and as month/day is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from data.errors import ConfigError
from ingest.files.cells import by_format, by_iso

_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")
_DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y",
    "%m-%d-%y", "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
#: So many distinct cells tell a format.
_SAMPLE = 5_000
#: A format must fit this share of the distinct cells; the others become dead letters.
_ENOUGH = 0.2
_ISO = "ISO 8601"


def infer_formats(cells: Sequence[str], where: str) -> tuple[str, ...]:
    """Find the format of a column's distinct cells; empty for ISO 8601.

    Raises:
        ConfigError: none fits, or two fit and disagree; the message says what to declare.
    """
    sample = sorted(cells)[:: max(1, len(cells) // _SAMPLE)]
    shapes = [_ISO, *(day + clock for day in _DAYS for clock in _CLOCKS)]
    fits = {shape: {cell: at for cell in sample if (at := _read(cell, shape))} for shape in shapes}
    best = max(fits.values(), key=len)
    leaders = [shape for shape, fit in fits.items() if fit.keys() == best.keys()]
    if not sample or (leaders[0] == _ISO and len(best) == len(sample)):
        return ()
    if len(best) < _ENOUGH * len(sample):
        raise ConfigError(f"{where} has times such as {sample[0]!r}; declare formats = ['%d/%m/%Y %H:%M'] or the like")
    rival = next((fit for fit in fits.values() if fit.keys() - best.keys()), None)
    if rival is not None:
        examples = f"{min(best)!r} and {min(rival.keys() - best.keys())!r}"
        raise ConfigError(
            f"{where} has times written in several ways, such as {examples}; declare formats = [...] in the order in "
            "which they are to be tried"
        )
    if any(fits[shape] != best for shape in leaders):
        raise ConfigError(
            f"{where} can be read as day/month and as month/day, such as {min(best)!r}; "
            f"declare formats = ['{leaders[0]}'] or ['{leaders[1]}']"
        )
    return () if leaders[0] == _ISO else (leaders[0],)


def _read(cell: str, shape: str) -> datetime | None:
    return by_iso(cell) if shape == _ISO else by_format(cell, shape)
