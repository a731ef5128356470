"""Card numbers are masked in the raw bytes before anything is stored: the first six and the last four digits stay.

A card number is 13 to 19 digits with a valid check digit, a length that its issuer uses and, where it is written in
groups, groups as on cards. Article numbers look alike: a 13-digit number that is a valid GTIN is taken for one unless
a word such as *card* stands before it (13-digit cards are not issued any more); a 14-digit one is taken for a card
unless a word such as *ean* does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_GAP = rb"(?:[ \-]|\xc2\xa0|\\u00a0)"
_GAPS = b" -\xc2\xa0"
_MANY = re.compile(rb"\d{13}")
#: An escape of JSON (its digits are none), or numbers a gap apart with what follows the point.
_RUN = re.compile(rb"\\u[0-9a-fA-F]{4}|(\d+(?:" + _GAP + rb"\d+)*)(?:\.\d+)?")
_GROUP = re.compile(rb"\\u00a0|(\d+)")
#: (prefix pattern, lengths) of issuers that issue cards
_ISSUERS = tuple(
    (re.compile(prefix), lengths)
    for prefix, lengths in (
        (rb"4", {13, 16, 18, 19}),  # Visa
        (rb"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", {16}),  # Mastercard
        (rb"3[47]", {15}),  # American Express
        (rb"6011|64[4-9]|65", {16, 17, 18, 19}),  # Discover
        (rb"62", {16, 17, 18, 19}),  # UnionPay
        (rb"35(?:2[89]|[3-8]\d)", {16, 17, 18, 19}),  # JCB
        (rb"30[0-5]|3[689]", {14}),  # Diners Club
        (rb"36", {14, 16, 19}),  # Diners Club International
        (rb"50(?:18|20|38)|5893|6304|67(?:59|61|62|63)", {13, 14, 15, 16, 17, 18, 19}),  # Maestro
        (rb"220[0-4]", {16, 17, 18, 19}),  # Mir
        (rb"6(?:0|521|522|08)", {16}),  # RuPay
    )
)
_CARD_WORD = re.compile(rb"card|karte|carte|\bpan\b|credit|debit|visa|\bcc\b|payment", re.IGNORECASE)
_ARTICLE_WORD = re.compile(rb"gtin|ean|upc|barcode|isbn|article|artikel|sku|item|product", re.IGNORECASE)
_NEAR = 32


def mask_cards(raw: bytes) -> bytes:
    """Mask every card number; bytes without any come back as they are, and JSON stays JSON."""
    if not _MANY.search(raw.translate(None, _GAPS)) and b"\\u00a0" not in raw:
        return raw
    found: list[tuple[int, int]] = []
    for run in _RUN.finditer(raw):
        if run.group(1) and run.end(1) - run.start(1) >= 13:
            found.extend(_cards(raw, run.start(1), run.end(1)))
    if not found:
        return raw
    as_json = raw.lstrip()[:1] in (b"{", b"[")
    masked, end = bytearray(), 0
    for start, stop in found:
        masked += raw[end:start] + _mask(raw, start, stop, as_json=as_json)
        end = stop
    return bytes(masked + raw[end:])


def is_card_number(digits: bytes) -> bool:
    """Tell whether digits have an issuer's prefix, a length it uses and a valid check digit."""
    return any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS) and _luhn(digits)


def _cards(raw: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Find cards among numbers a gap apart: each number by itself, or several that are grouped as on cards."""
    groups = [m.span(1) for m in _GROUP.finditer(raw, start, stop) if m.group(1)]
    first = 0
    while first < len(groups):
        last = next((n for n in range(len(groups), first, -1) if _is_card(raw, groups[first:n])), None)
        if last is None:
            first += 1
        else:
            yield groups[first][0], groups[last - 1][1]
            first = last


def _is_card(raw: bytes, groups: list[tuple[int, int]]) -> bool:
    parts = [raw[start:stop] for start, stop in groups]
    digits = b"".join(parts)
    if not 13 <= len(digits) <= 19 or not _grouped_as_on_cards(parts) or not is_card_number(digits):
        return False
    if len(parts) == 1 and len(digits) in (13, 14) and _gtin(digits):
        before = raw[max(groups[0][0] - _NEAR, 0) : groups[0][0]]
        return bool(_CARD_WORD.search(before)) if len(digits) == 13 else not _ARTICLE_WORD.search(before)
    return True


def _grouped_as_on_cards(parts: list[bytes]) -> bool:
    """Marketplaces write order numbers as 3-7-7 digits; cards begin with four, or have groups of one size."""
    sizes = [len(part) for part in parts]
    return len(parts) == 1 or (max(sizes) <= 6 and (sizes[0] == 4 or len(set(sizes[:-1])) == 1))


def _mask(raw: bytes, start: int, stop: int, *, as_json: bool) -> bytes:
    """Cover the middle digits: with asterisks, or with zeros where the number stands bare in JSON."""
    before, after = raw[:start].rstrip()[-1:], raw[stop:].lstrip()[:1]
    bare = as_json and before in (b":", b",", b"[") and after in (b",", b"]", b"}", b".", b"")
    places = [m.start(1) + n for m in _GROUP.finditer(raw, start, stop) if m.group(1) for n in range(len(m.group(1)))]
    covered = bytearray(raw[start:stop])
    for place in places[6:-4]:
        covered[place - start] = ord("0" if bare else "*")
    return bytes(covered)


def _luhn(digits: bytes) -> bool:
    total = 0
    for place, byte in enumerate(reversed(digits)):
        digit = byte - 48
        total += digit if place % 2 == 0 else (digit * 2 - 9 if digit > 4 else digit * 2)
    return total % 10 == 0


def _gtin(digits: bytes) -> bool:
    weighted = sum((byte - 48) * (1 if place % 2 == 0 else 3) for place, byte in enumerate(reversed(digits)))
    return weighted % 10 == 0
