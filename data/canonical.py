"""One spelling for each value, so that equal events are equal bytes, and nothing that no database can hold.

Decimals lose trailing zeros, times become UTC. NaN, infinities, naive times, numbers beyond any merchant's and NUL
characters are refused: one bad record must never stop the fold of the others.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from data.errors import RecordInvalid

#: Largest whole number and largest amount: sums of millions of them still fit 64 bits.
LARGEST = 10**13
_DIGITS = 24

#: What may be wrong in an encoded event. One pattern a first byte: a common alternation takes twice the time.
_QUOTED = re.compile(rb'"(?=[-\d.sNI])(?:-?\d*\.\d*0"|-?[\d.]+E|-0|-?\d{14}|-?s?(?:NaN|Inf))')
_NOT_UTC = re.compile(rb'T\d\d:\d\d:\d\d(?:\.\d+)?(?:"|[-+])')
_LONG = re.compile(rb"[:\[,]-?\d{14}")
_NUL = b"\\u0000"

_S = TypeVar("_S", bound=msgspec.Struct)
_Clean = Callable[[Any, str], Any]


def is_suspect(body: bytes) -> bool:
    """Tell whether an encoded event may hold something to set right: most are passed over at one scan."""
    return bool(_QUOTED.search(body) or _NOT_UTC.search(body) or _LONG.search(body)) or _NUL in body


def canonical(event: _S) -> _S:
    """Spell every value of an event the one way.

    Raises:
        RecordInvalid: a value is none: not finite, without an offset, too large, or with a NUL character.
    """
    cleaned: _S = _cleaner(type(event))(event, type(event).__name__)  # type: ignore[misc]
    return cleaned


def decimal(amount: Decimal, field: str) -> Decimal:
    """Strip trailing zeros and the exponent; refuse what is no amount of money."""
    if not amount.is_finite():
        raise RecordInvalid(
            f"{field} is {amount}, which is no amount; a finite number was expected", error_class="number"
        )
    if not amount:
        return Decimal(0)
    if abs(amount) > LARGEST or len(amount.as_tuple().digits) > _DIGITS or amount.adjusted() < -_DIGITS:
        raise RecordInvalid(
            f"{field} is {str(amount)[:40]}; an amount up to {LARGEST} with at most {_DIGITS} digits was expected",
            error_class="number",
        )
    plain = amount.normalize()
    return plain.quantize(Decimal(1)) if plain == plain.to_integral_value() else plain


def utc(at: datetime, field: str) -> datetime:
    """Normalise an aware time to UTC; a naive one is refused, because nobody knows when it was."""
    if at.tzinfo is None:
        raise RecordInvalid(f"{field} {at.isoformat()} has no offset; give it one, such as +00:00", error_class="time")
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _whole(number: int, field: str) -> int:
    if abs(number) > LARGEST:
        raise RecordInvalid(
            f"{field} is {str(number)[:40]}; a number up to {LARGEST} was expected", error_class="number"
        )
    return number


def _text(text: str, field: str) -> str:
    if "\0" in text:
        raise RecordInvalid(f"{field} holds a NUL character; plain text was expected", error_class="text")
    return text


@cache
def _cleaner(kind: Any) -> _Clean | None:  # noqa: ANN401 -- a type expression has no type of its own
    """Make what cleans a value of a type; None where nothing can be wrong with it."""
    simple: dict[Any, _Clean] = {Decimal: decimal, datetime: utc, int: _whole, str: _text}
    if kind in simple:
        return simple[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct_cleaner(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _tuple_cleaner(arguments)
    if origin in (Union, types.UnionType):
        chosen = next(a for a in arguments if a is not type(None))
        inner = _cleaner(chosen)
        return None if inner is None else lambda value, field: None if value is None else inner(value, field)
    return None


def _struct_cleaner(kind: type[msgspec.Struct]) -> _Clean:
    cleaners = [(f.name, c) for f in msgspec.structs.fields(kind) if (c := _cleaner(f.type)) is not None]

    def clean(value: msgspec.Struct, _field: str) -> msgspec.Struct:
        changed = {}
        for name, cleaner in cleaners:
            old = getattr(value, name)
            new = cleaner(old, name.rstrip("_"))
            if new is not old:
                changed[name] = new
        return msgspec.structs.replace(value, **changed) if changed else value

    return clean


def _tuple_cleaner(arguments: tuple[Any, ...]) -> _Clean | None:
    if arguments[-1] is Ellipsis:
        each = _cleaner(arguments[0])
        if each is None:
            return None

        def clean_all(values: tuple[Any, ...], field: str) -> tuple[Any, ...]:
            new = tuple(each(value, field) for value in values)
            return values if all(a is b for a, b in zip(new, values, strict=True)) else new

        return clean_all
    cleaners = [_cleaner(argument) or (lambda value, _field: value) for argument in arguments]
    return lambda values, field: tuple(c(v, field) for c, v in zip(cleaners, values, strict=True))
