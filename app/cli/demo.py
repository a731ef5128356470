"""`fillwell demo`: the whole loop on a fresh sandbox, without the desk."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import FORMAT, Format, as_json, emit, note, settings


def register(program: typer.Typer) -> None:
    """Add the commands of this module to the program."""
    program.command("demo")(demo)


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Find, fix and prove every fault of a fresh demo shop.")
    ] = False,
    chosen: FORMAT = Format.table,
) -> None:
    """Run the whole loop on a fresh demo shop and say what became of it; without --check, use `fillwell start`."""
    from data.errors import ConfigError

    if not check:
        raise ConfigError("`fillwell demo` needs --check; to look at the demo shop, use `fillwell start`")
    from app.demo.check import check as run_check
    from app.demo.check import passed

    began = time.monotonic()

    def tell(text: str) -> None:
        note(f"{time.monotonic() - began:6.1f} s  {text}")

    with tempfile.TemporaryDirectory(prefix="fillwell-check-") as scratch:
        report = run_check(settings(), Path(scratch), tell)
    if chosen is Format.json:
        typer.echo(as_json(report))
    else:
        emit([{"what": name, "result": value} for name, value in report.items()], chosen)
    good = passed(report)
    tell("everything was found, fixed and proved" if good else "the check failed")
    raise typer.Exit(0 if good else 1)
