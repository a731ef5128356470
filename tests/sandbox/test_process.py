"""The sandbox as its own process, over a real connection."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

ROOT = Path(__file__).parents[2]
TOKEN = {"Authorization": "Bearer erp-token"}


@pytest.fixture
def served(history: Path) -> Iterator[httpx.Client]:
    """A process on a free port."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--frozen", "--cache", str(history.parent)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = msgspec.json.decode(process.stdout.readline())
        assert (said["ready"], said["orders"]) == (True, 19_959)
        with httpx.Client(base_url=said["url"], headers=TOKEN, trust_env=False) as client:
            yield client
        process.terminate()
        process.wait(10)


def test_it_says_when_it_serves_and_breaks_off_when_asked(served: httpx.Client) -> None:
    assert served.get("/healthz").json() == {"ok": True}
    assert served.get("/erp/suppliers").status_code == 200
    served.post("/faults", json={"kind": "http", "system": "erp", "truncate": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        served.get("/erp/suppliers")
    served.post("/faults", json={"kind": "http", "system": "erp", "timeout": 1, "timeout_seconds": 0.05})
    with pytest.raises(httpx.RemoteProtocolError):
        served.get("/erp/suppliers")
    served.post("/faults", json={"kind": "http", "system": "erp"})
    assert served.get("/erp/suppliers").status_code == 200
