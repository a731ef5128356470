"""Reading both systems from nothing: every order, line, level, shipment, return and payment as the remote has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.counterparts.comparison import CHECKS, Remote, differing
from tests.counterparts.conftest import Market
from tests.counterparts.ours import Ours, ours


@pytest.fixture(scope="module")
def mine(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    with ours(tmp_path_factory.mktemp("home"), market) as found:
        found.pull()
        yield found


def test_everything_received_is_accepted(mine: Ours) -> None:
    assert set(mine.outcomes()) <= {"accepted", "duplicate"}


@pytest.fixture(scope="module")
def remote(market: Market) -> Remote:
    return Remote(market)


@pytest.mark.parametrize("what", CHECKS)
def test_what_was_read_is_what_the_remote_has(mine: Ours, remote: Remote, what: str) -> None:
    told, _known = pair = CHECKS[what](mine, remote)
    assert told
    assert differing(pair) == {}


def test_reading_again_brings_nothing_new(mine: Ours) -> None:
    before = mine.outcomes()["accepted"]
    mine.pull()
    assert mine.outcomes()["accepted"] == before
