"""How fast the two systems are read, beside how fast they answer at all: we take less than a fifth of the time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ingest.sync import pull
from tests.counterparts.conftest import Market
from tests.counterparts.ours import ours

MOST_OF_THE_TIME = 0.20  #: that may be ours


@dataclass
class Waited:
    """How long was waited for the remote's answers."""

    seconds: float = 0.0


@contextmanager
def waiting(patch: pytest.MonkeyPatch) -> Iterator[Waited]:
    """Measure at the wire: what passes between asking and having the whole answer."""
    found, transport = Waited(), httpx.HTTPTransport
    handle = transport.handle_request

    def timed(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        began = time.perf_counter()
        answer = handle(self, request)
        answer.read()
        found.seconds += time.perf_counter() - began
        return answer

    patch.setattr(transport, "handle_request", timed)
    yield found
    patch.undo()


def test_reading_takes_hardly_longer_than_the_systems_take_to_answer(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, ours_all, all_ = [], 0.0, 0.0
    with ours(tmp_path, market) as mine:
        for name, adapter in mine.engine.adapters.items():
            for stream in adapter.streams:
                with waiting(monkeypatch) as waited:
                    began, cpu = time.perf_counter(), time.process_time()
                    pulled = pull(mine.store, adapter, stream, clock=mine.clock)
                    took, busy = time.perf_counter() - began, time.process_time() - cpu
                ours_all, all_ = ours_all + min(busy, took), all_ + took
                lines.append(
                    f"{name}/{stream}: {pulled.received:,} records in {took:.1f} s = {pulled.received / took:,.0f}/s;"
                    f" the server answered {pulled.received / max(waited.seconds, 1e-6):,.0f}/s; ours {busy / took:.0%}"
                )
    with capsys.disabled():
        print("", *lines, f"in all ours {ours_all / all_:.0%}", sep="\n  ")  # noqa: T201 -- figures are for reading
    assert ours_all < MOST_OF_THE_TIME * all_
