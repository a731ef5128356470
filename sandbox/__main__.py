"""Serves the sandbox merchant: `python -m sandbox --port 8600 --seed 7 --cache DIR`."""

from __future__ import annotations

import argparse
import gc
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir

import msgspec
import uvicorn

from sandbox.cache import open_world
from sandbox.instants import micros_of, parse
from sandbox.merchant import Merchant
from sandbox.routes import Routes
from sandbox.transport import DEFAULT_RATE, Transport

HOST = "127.0.0.1"


class Server(uvicorn.Server):
    """Says on standard output when it serves, as one line of JSON."""

    def __init__(self, config: uvicorn.Config, said: dict[str, object]) -> None:
        super().__init__(config)
        self.said = said

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Begin to listen, then say so."""
        await super().startup(sockets=None if sockets is None else list(sockets))  # type: ignore[arg-type]
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            line = {"ready": True, "url": f"http://{HOST}:{port}", **self.said}
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
            sys.stdout.flush()


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8600, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cache", type=Path, default=Path(gettempdir()) / "fillwell-sandbox")
    parser.add_argument("--frozen", action="store_true", help="time stands still until it is stepped")
    parser.add_argument("--now", help="begin at this instant instead of the present")
    parser.add_argument("--rate", type=float, default=DEFAULT_RATE, help="requests a second and system")
    return parser


def main() -> None:
    """Open the world and serve it."""
    given = arguments().parse_args()
    now = parse(given.now) if given.now else micros_of(datetime.now(UTC))
    world, saved = open_world(given.seed, given.cache, now)
    # What was loaded stays; looking through it for garbage again and again would only cost time.
    gc.freeze()
    merchant = Merchant(world, saved, Transport(given.rate), running=not given.frozen)
    config = uvicorn.Config(
        Routes(merchant).app(), host=HOST, port=given.port, log_level="error", access_log=False, lifespan="on"
    )
    said = {**merchant.about(), "orders": saved.orders, "seed": given.seed, "now": world.written()}
    Server(config, said).run()


if __name__ == "__main__":
    main()
