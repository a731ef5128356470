"""`fillwell start`: the desk, the engine and, for the demo, the sandbox, under one command in the foreground."""

from __future__ import annotations

import os
import shutil
import sys
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import note, settings

if TYPE_CHECKING:
    from app.processes import Child
    from data.settings import Settings


def register(program: typer.Typer) -> None:
    """Add the commands of this module to the program."""
    program.command("start")(start)


_GONE = (
    "  the sandbox has ended and its world with it: the desk shows its systems as late from now on; "
    "end this with Ctrl-C and start again for a new demo shop"
)


def start(
    workspace: Annotated[
        str, typer.Option("--workspace", help="demo (a sample shop) or mine (your own data).")
    ] = "demo",
    role: Annotated[str, typer.Option("--role", help="all, desk or engine.")] = "all",
    browser: Annotated[bool, typer.Option(help="Open a browser (only from a terminal).")] = True,
) -> None:
    """Serve the desk in the foreground until Ctrl-C; PORT and FILLWELL_HOST say where."""
    from app.processes import hold, require_free, supervise
    from app.progress import Progress, write_progress
    from app.services.workspace import DEMO
    from data.errors import ConfigError

    if role not in ("all", "desk", "engine"):
        raise ConfigError(f"--role {role!r}: give all, desk or engine")
    if workspace not in (DEMO, "mine"):
        raise ConfigError(f"--workspace {workspace!r}: give {DEMO} (a sample shop) or mine (your own data)")
    chosen = settings()
    refuse_open_door(chosen.host)
    if role != "engine":
        require_free(chosen.host, chosen.port, "PORT")
    folder = chosen.home / "workspaces" / workspace
    begins_anew = workspace == DEMO and role != "desk"
    if begins_anew:
        # Held until this ends: a second start would take the world away from under the first.
        _held = hold(chosen.home / "demo.lock", "the demo shop is served already; end that one with Ctrl-C first")
        shutil.rmtree(folder, ignore_errors=True)  # the demo shop opens anew each time: its world begins anew too
    folder.mkdir(parents=True, exist_ok=True)
    children = _children(chosen, folder, role, with_sandbox=begins_anew)
    write_progress(folder, Progress("starting", 0, 0, ready=False))
    url = f"http://{chosen.host}:{chosen.port}"

    def begun() -> None:
        note(f"Fillwell serves {workspace} at {url} (Ctrl-C ends it; logs: {folder / 'logs'})")
        if browser and role != "engine" and sys.stdin.isatty() and sys.stdout.isatty():
            webbrowser.open(url)

    supervise(children, on_start=begun, on_beat=_teller(children, folder))


def _children(chosen: Settings, folder: Path, role: str, *, with_sandbox: bool) -> list[Child]:
    """Name the processes of a role; the sandbox's world begins a while before now and stands still until it is read."""
    from app.connect import note_sandbox
    from app.demo.shop import SEED
    from app.demo.stage import EARLIER
    from app.processes import Child, free_port, module
    from data.clock import system_clock

    logs, env = folder / "logs", {**os.environ, "FILLWELL_HOME": str(chosen.home)}
    children: list[Child] = []
    if with_sandbox:
        port, cache = free_port(), chosen.home / "cache"
        note_sandbox(folder, f"http://127.0.0.1:{port}")
        begins = (system_clock() - EARLIER).isoformat()
        options = ("--port", str(port), "--seed", str(SEED), "--cache", str(cache), "--now", begins, "--frozen")
        command = module("sandbox", *options)
        children.append(Child("sandbox", command, env, logs / "sandbox.log", replaceable=False))
    if role != "desk":
        env["FILLWELL_ENGINE_PORT"] = str(_engine_port(chosen.engine_port))
        command = module("app.engine", "--workspace", folder.name)
        children.append(Child("engine", command, env, logs / "engine.log"))
    if role != "engine":
        command = module("app.desk.serve", "--workspace", folder.name)
        children.append(Child("desk", command, env, logs / "desk.log"))
    return children


def _teller(children: Sequence[Child], folder: Path) -> Callable[[], None]:
    """Make what says, each once, how far the engine is and that the sandbox is gone."""
    from app.progress import read_progress

    said: list[str] = []

    def say(text: str) -> None:
        if text not in said:
            said.append(text)
            note(text)

    def beat() -> None:
        if children[0].ended and not children[0].replaceable:
            say(_GONE)
        progress = read_progress(folder)
        if progress is not None:
            share = progress.done * 10 // progress.total if progress.total else 0
            say(f"  {progress.what}: {share * 10} %" if progress.total else f"  {progress.what}")

    return beat


def refuse_open_door(host: str) -> None:
    """Refuse to listen beyond this machine while nobody has to sign in.

    Raises:
        ConfigError: the host is not a loopback address.
    """
    from data.errors import ConfigError

    if host not in ("127.0.0.1", "::1", "localhost"):
        raise ConfigError(
            f"FILLWELL_HOST={host!r} would let anybody on the network act as admin, because no authentication is "
            "set up; use 127.0.0.1, and a proxy that signs people in for others"
        )


def _engine_port(wanted: int) -> int:
    from app.processes import free_port, require_free
    from data.errors import ConfigError

    try:
        require_free("127.0.0.1", wanted, "FILLWELL_ENGINE_PORT")
    except ConfigError:
        return free_port()
    return wanted
