"""How the values of a case are written for people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.services.queue import said


@pytest.mark.parametrize(("stored", "shown"), [
    (None, "—"),
    (0, "0"),
    (1404, "1,404"),
    (0.85, "0.85"),
    (False, "no"),
    ("2026-11-25", "25 Nov 2026"),
    (str(datetime(2026, 11, 18, 21, 14, tzinfo=UTC)), "18 Nov 2026 21:14 UTC"),
    (datetime(2026, 11, 18, 21, 14, tzinfo=UTC).isoformat(), "18 Nov 2026 21:14 UTC"),
    ("2026-13-25", "2026-13-25"),
    ("2026-11-25-B", "2026-11-25-B"),
    ([["22592", 5], ["22306", 12]], "22592 5, 22306 12"),
    ([1, 2, 3, 4], "4: 1, 2, 3 …"),
])  # fmt: skip
def test_what_is_stored_is_written_for_people(stored: object, shown: str) -> None:
    assert said(stored) == shown
