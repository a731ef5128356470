"""Publishing at once what arrives by push, beside the slower steps of the loop: reading, projecting, detecting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from app.engine import work
from app.engine.work import Engine
from data.errors import FillwellError, StoreError

log = structlog.get_logger()

REST_SECONDS = 1.0  #: the longest it rests when nobody says that something arrived
STORE_SECONDS = 10.0  #: how long it waits for a store that is full or locked


@dataclass
class Publisher:
    """A thread that folds and publishes; `arrived` wakes it."""

    engine: Engine
    arrived: threading.Event
    failed: FillwellError | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def raise_failure(self) -> None:
        """Let what ended the thread end the engine as well.

        Raises:
            FillwellError: what the thread met and cannot overcome.
        """
        if self.failed is not None:
            raise self.failed

    def run(self) -> None:
        """Publish whenever something arrived, until stopped."""
        while not self._stop.is_set():
            self.arrived.wait(REST_SECONDS)
            self.arrived.clear()
            try:
                work.publish_news(self.engine)
            except (
                StoreError
            ) as error:  # a full disk or a locked store: nothing acknowledged is lost, so wait and go on
                log.warning("the store is in the way", error=str(error))
                self._stop.wait(STORE_SECONDS)
            except FillwellError as error:
                self.failed = error
                return

    def stop(self) -> None:
        """Ask the thread to end after what it is doing."""
        self._stop.set()
        self.arrived.set()


@contextmanager
def publishing(engine: Engine, arrived: threading.Event) -> Iterator[Publisher]:
    """Publish in a thread for the length of a block."""
    publisher = Publisher(engine, arrived)
    thread = threading.Thread(target=publisher.run, name="publisher")
    thread.start()
    try:
        yield publisher
    finally:
        publisher.stop()
        thread.join()
