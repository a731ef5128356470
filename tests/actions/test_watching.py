"""In its first week a detector only notes what it finds, until somebody lets it speak or the week is over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from actions import audit
from actions.cases import Filters, queue
from actions.detect import detect
from actions.watching import FIRST_WEEK, enable, noted
from data.errors import RequestError
from tests.actions.factories import ADMIN, OPERATOR, Shop, a_shop, drift_view


def seen_twice(shop: Shop, drifts: dict[str, tuple[int, int]]) -> None:
    """Detect in two later moments, as an engine does that is new to its shop."""
    for _ in range(2):
        shop.merchant.step()
        detect(shop.desk, drift_view(shop.merchant, drifts))


def waiting(shop: Shop) -> list[str]:
    """Name what waits in the queue."""
    return sorted(case["subject"] for case in queue(shop.desk, Filters()))


def test_what_a_new_detector_finds_is_counted_and_waits_for_nobody(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    seen_twice(shop, {"MUG": (10, 40)})
    assert waiting(shop) == []
    [one] = noted(shop.desk)
    assert (one.id, one.title, one.cases) == ("X02", "Listing drift", 1)
    assert timedelta() < one.until - shop.desk.clock() < FIRST_WEEK


def test_who_lets_a_detector_speak_sees_what_it_noted_and_what_it_finds_from_then_on(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    seen_twice(shop, {"MUG": (10, 40)})
    assert enable(shop.desk, ["X02"], by=ADMIN) == 1
    assert len(waiting(shop)) == 1
    assert noted(shop.desk) == []
    seen_twice(shop, {"MUG": (10, 40), "JAR": (10, 40)})
    assert len(waiting(shop)) == 2
    assert audit.entries(shop.desk, subject="detector/X02")[0]["what"] == "enabled"


def test_when_the_first_week_is_over_what_was_noted_in_it_comes_into_the_queue(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    seen_twice(shop, {"MUG": (10, 40)})
    shop.merchant.step(FIRST_WEEK)
    seen_twice(shop, {"MUG": (10, 40)})
    assert len(waiting(shop)) == 1


def test_letting_a_detector_speak_is_an_admins_word_about_a_detector_that_there_is(tmp_path: Path) -> None:
    shop = a_shop(tmp_path)
    seen_twice(shop, {"MUG": (10, 40)})
    with pytest.raises(RequestError, match="may not administer"):
        enable(shop.desk, ["X02"], by=OPERATOR)
    with pytest.raises(RequestError, match="no detector 'X99'"):
        enable(shop.desk, ["X99"], by=ADMIN)
    assert waiting(shop) == []
