"""How far the engine is with long work, in a small file beside the store, for the desk and the terminal."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from data.errors import StoreError


@dataclass(frozen=True)
class Progress:
    """What is being done and how far it is; `ready` once the first figures are published."""

    what: str
    done: int
    total: int
    ready: bool


def write_progress(folder: Path, progress: Progress) -> None:
    """Replace the note at once, so that no reader sees half of it."""
    replace_json(folder / "progress.json", asdict(progress))


def read_progress(folder: Path) -> Progress | None:
    """Read the note; None where the engine has not said anything yet."""
    found = read_json(folder / "progress.json")
    return Progress(**found) if found else None  # type: ignore[arg-type]


def replace_json(file: Path, value: dict[str, object]) -> None:
    """Write a small JSON file so that it is whole or absent.

    Raises:
        StoreError: the folder cannot be written to.
    """
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(value))
        new.replace(file)
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror}; free some space or make it writable") from error


def read_json(file: Path) -> dict[str, object] | None:
    """Read a small JSON file; None where it does not exist."""
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return None
