"""Start a sandbox merchant of one's own, for the length of a block."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.demo.shop import SEED
from app.processes import Child, free_port, module, stop
from data.errors import SourceUnavailable

OPENS_WITHIN_SECONDS = 180.0


@contextmanager
def own_sandbox(home: Path, *, frozen: bool) -> Iterator[str]:
    """Run a sandbox and give its address; `frozen`: its time stands still until it is stepped.

    Raises:
        SourceUnavailable: it does not open in time; the message gives its last words.
    """
    port = free_port()
    cache = home / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    command = module("sandbox", "--port", str(port), "--seed", str(SEED), "--cache", str(cache))
    child = Child("sandbox", [*command, *(["--frozen"] if frozen else [])], dict(os.environ), home / "sandbox.log")
    child.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _await(child, url)
        yield url
    finally:
        stop([child])


def _await(child: Child, url: str) -> None:
    deadline = time.monotonic() + OPENS_WITHIN_SECONDS
    while True:
        try:
            httpx.get(f"{url}/healthz", timeout=2.0).raise_for_status()
        except httpx.HTTPError as error:
            if child.ended or time.monotonic() > deadline:
                last = child.log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
                raise SourceUnavailable(f"the sandbox did not open; its last words: {last[0]}") from error
            time.sleep(0.2)
        else:
            return
