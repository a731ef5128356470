"""The sandbox's clock: it runs with real time, or stands still until it is stepped."""

from __future__ import annotations

import time

from sandbox.instants import SECOND
from sandbox.world import World


class Clock:
    """Moves the world on; while running, one real second is one sandbox second."""

    def __init__(self, world: World, *, running: bool) -> None:
        self.world = world
        self.running = running
        self._real = time.monotonic()
        self._began = world.now

    def start(self) -> None:
        """Let time run from here."""
        self.running = True
        self._anchor()

    def stop(self) -> None:
        """Let time stand still."""
        self.catch_up()
        self.running = False

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        if self.running:
            self.world.run_until(self._began + int((time.monotonic() - self._real) * SECOND))

    def advance(self, seconds: float) -> None:
        """Jump ahead; every event on the way happens in its order."""
        self.catch_up()
        self.world.run_until(self.world.now + int(seconds * SECOND))
        self._anchor()

    def _anchor(self) -> None:
        self._real = time.monotonic()
        self._began = self.world.now
