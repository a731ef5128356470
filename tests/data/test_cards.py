"""Card numbers never reach the store; article and order numbers do."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

import pytest

from data.log.cards import mask_cards

#: (prefix, length) as issuers use them
ISSUED = [
    ("4", 16), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16),
    ("65", 16), ("644", 19), ("62", 16), ("62", 19), ("3530", 16), ("305", 14), ("36", 14), ("38", 14), ("6759", 16),
]  # fmt: skip
WRITTEN = [
    '{{"note": "paid with {0}, thanks"}}',
    '{{"a": {{"b": [{{"c": "{0}"}}]}}}}',
    "1001;{0};A;2",
    '{{"card": "{0}"}}',
]


def check_digit(digits: str) -> str:
    doubled = [int(d) * (2 - n % 2) for n, d in enumerate(reversed(digits))]
    return str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


def a_card(chance: random.Random) -> str:
    prefix, length = chance.choice(ISSUED)
    body = prefix + "".join(chance.choices("0123456789", k=length - len(prefix) - 1))
    return body + check_digit(body)


def grouped(number: str, chance: random.Random) -> str:
    gap = chance.choice(["", " ", "-", "\N{NO-BREAK SPACE}"])
    sizes = [4, 6, 5] if len(number) == 15 else [4, 6, 4] if len(number) == 14 else [4, 4, 4, 4, 4]
    parts, rest = [], number
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    return gap.join(part for part in parts if part)


def digits(number: int, chance: random.Random) -> str:
    return "".join(chance.choices("0123456789", k=number))


def a_gtin(length: int, chance: random.Random) -> str:
    body = "".join(chance.choices("0123456789", k=length - 1))
    body = str(chance.randint(1, 8)) + body[1:] if length == 14 else body
    total = sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(reversed(body)))
    return body + str(-total % 10)


def test_no_card_number_is_left_whatever_it_stands_in() -> None:
    chance = random.Random(7)  # noqa: S311 -- numbers for a test
    for _ in range(10_000):
        number = a_card(chance)
        text = chance.choice(WRITTEN).format(grouped(number, chance))
        masked = mask_cards(text.encode()).decode()
        kept = re.sub(r"[ \-\N{NO-BREAK SPACE}]", "", masked)
        assert number not in kept
        assert number[:6] + "*" * (len(number) - 10) + number[-4:] in kept
        assert mask_cards(masked.encode()).decode() == masked


NO_CARDS: list[Callable[[random.Random], str]] = [
    lambda chance: f'{{"ean": "{a_gtin(13, chance)}"}}',
    lambda chance: f'{{"sku": "X", "gtin": "{a_gtin(14, chance)}"}}',
    lambda chance: f"1001;{a_gtin(13, chance)};2",
    lambda chance: f'{{"upc": "{a_gtin(12, chance)}"}}',
    lambda chance: f'{{"order": "{digits(3, chance)}-{digits(7, chance)}-{digits(7, chance)}"}}',
    lambda chance: f'{{"order": "{digits(12, chance)}"}}',
    lambda chance: f'{{"at": {chance.randint(10**12, 2 * 10**12)}}}',  # milliseconds since 1970
    lambda chance: f'{{"score": 0.{digits(16, chance)}}}',
    lambda chance: f'{{"at": "2026-03-{digits(2, chance)} 12:00:00", "phone": "+44 20 {digits(4, chance)} 1234"}}',
]


def test_article_and_order_numbers_are_left_alone_but_for_one_in_a_thousand() -> None:
    chance = random.Random(11)  # noqa: S311 -- numbers for a test
    texts = [make(chance).encode() for make in NO_CARDS for _ in range(4_000)]
    wrong = sum(mask_cards(text) != text for text in texts)
    assert wrong / len(texts) < 0.001


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        ("4111 1111 1111 1111 exp 12 2027", "4111 11** **** 1111 exp 12 2027"),
        ("4111 1111 1111 1111 12 2027", "4111 11** **** 1111 12 2027"),
        ('{"n": 4111111111111111, "m": 1}', '{"n": 4111110000001111, "m": 1}'),  # a bare number stays one
        ("4111111111111111.0,1", "411111******1111.0,1"),  # as a spreadsheet writes it
        (r'{"note": "a\n4111111111111111"}', r'{"note": "a\n411111******1111"}'),
        (r'{"note": "\u00a04111111111111111"}', r'{"note": "\u00a0411111******1111"}'),
        ("card 4000000000006", "card 400000***0006"),  # also a valid article number: the word decides
        ("nothing here", "nothing here"),
    ],
)
def test_numbers_as_people_write_them(raw: str, masked: str) -> None:
    assert mask_cards(raw.encode()).decode() == masked
    if raw.startswith("{"):
        json.loads(masked)
