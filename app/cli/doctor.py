"""`fillwell doctor`: says what is installed, where things are, and what is wrong with it."""

from __future__ import annotations

import platform
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from app.cli.common import FORMAT, Format, emit, settings

PACKAGES = ("app", "actions", "forecasting", "metrics", "ingest", "data", "sandbox")


def register(program: typer.Typer) -> None:
    """Add the commands of this module to the program."""
    program.command("doctor")(doctor)


def doctor(chosen: FORMAT = Format.table) -> None:
    """Check the installation and every workspace; exit code 1 where something is wrong."""
    rows = [*_installation(), *_workspaces()]
    emit(rows, chosen)
    if any(row["state"] == "wrong" for row in rows):
        raise typer.Exit(1)


def _installation() -> list[dict[str, str]]:
    parents = {str(Path(str(import_module(name).__file__)).parents[1]) for name in PACKAGES}
    whole = len(parents) == 1
    words = (
        next(iter(parents)) if whole else f"packages come from several places: {', '.join(sorted(parents))}; reinstall"
    )
    return [
        _row("program", "well", f"fillwell {version('fillwell')}, Python {platform.python_version()}, {sys.platform}"),
        _row("packages", "well" if whole else "wrong", words),
    ]


def _workspaces() -> list[dict[str, str]]:
    from data.errors import FillwellError
    from data.log.status import statuses
    from data.store import open_store

    known = settings()
    rows = [_home(known.home)]
    folders = sorted(path for path in (known.home / "workspaces").glob("*") if path.is_dir())
    for name in [path.name for path in folders if known.database_url or (path / "log.db").exists()]:
        try:
            store = open_store(known, name, create=False)
            with store.log.read() as conn:
                streams = statuses(conn)
            store.close()
        except FillwellError as error:
            rows.append(_row(f"workspace {name}", "wrong", str(error)))
        else:
            received = sum(s.received for s in streams)
            rows.append(_row(f"workspace {name}", "well", f"{received:,} records in {len(streams)} streams"))
    return rows


def _home(home: Path) -> dict[str, str]:
    """Try whether it can be written to, or made where it is not there yet; nothing stays of the trial."""
    try:
        there = next(folder for folder in (home, *home.parents) if folder.exists())
        with TemporaryDirectory(dir=there):
            return _row("home", "well", str(home))
    except OSError as error:
        words = f"{home} cannot be used: {error.strerror}; set FILLWELL_HOME to a folder you can write to"
        return _row("home", "wrong", words)


def _row(what: str, state: str, words: str) -> dict[str, str]:
    return {"what": what, "state": state, "words": words}
