"""Where the two real systems are installed, and what a machine must have for that."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.postgres import HOW as POSTGRES_MISSING
from tests.postgres import binaries

HERE = Path(__file__).parent
OLDEST_NODE = (20, 19)
NODE_MISSING = "Node.js 20.19 or newer with npm is missing: see https://nodejs.org, or apt-get install nodejs npm"


def cache() -> Path:
    """Give the folder in which installations and seeded databases are kept between runs."""
    named = os.environ.get("FILLWELL_COUNTERPARTS_CACHE")
    return (Path(named) if named else Path.home() / ".cache" / "fillwell" / "counterparts").absolute()


def missing() -> str:
    """Say what this machine lacks and how to get it; nothing where it has all."""
    lacks = []
    if binaries() is None:
        lacks.append(POSTGRES_MISSING)
    if shutil.which("npm") is None or _node() < OLDEST_NODE:
        lacks.append(NODE_MISSING)
    return "; ".join(lacks)


def digest(files: Iterable[Path], *words: str) -> str:
    """Name what was made from these files and words, so that a change makes it anew."""
    found = hashlib.sha256("\0".join(words).encode())
    for file in sorted(files):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]


def _node() -> tuple[int, ...]:
    node = shutil.which("node")
    if node is None:
        return ()
    told = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    return tuple(int(part) for part in told.strip().lstrip("v").split("."))
