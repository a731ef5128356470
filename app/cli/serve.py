"""`fillwell start`: the desk, the engine and, for the demo, the sandbox, under one command in the foreground."""

from __future__ import annotations

import os
import shutil
import sys
import webbrowser
from typing import Annotated

import typer

from app.cli.common import note, settings


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
    from app.connect import note_sandbox
    from app.demo.shop import SEED
    from app.demo.stage import EARLIER
    from app.processes import Child, free_port, module, require_free, supervise
    from app.progress import Progress, read_progress, write_progress
    from data.clock import system_clock
    from data.errors import ConfigError

    if role not in ("all", "desk", "engine"):
        raise ConfigError(f"--role {role!r}: give all, desk or engine")
    chosen = settings()
    refuse_open_door(chosen.host)
    folder = chosen.home / "workspaces" / workspace
    logs = folder / "logs"
    env = {**os.environ, "FILLWELL_HOME": str(chosen.home)}
    children: list[Child] = []
    if workspace == "demo" and role != "desk":
        shutil.rmtree(folder, ignore_errors=True)  # the demo shop opens anew each time: its world begins anew too
        port, cache = free_port(), chosen.home / "cache"
        note_sandbox(folder, f"http://127.0.0.1:{port}")
        begins = (system_clock() - EARLIER).isoformat()
        options = ("--port", str(port), "--seed", str(SEED), "--cache", str(cache), "--now", begins, "--frozen")
        command = module("sandbox", *options)
        children.append(Child("sandbox", command, env, logs / "sandbox.log", replaceable=False))
    if role != "desk":
        env["FILLWELL_ENGINE_PORT"] = str(_engine_port(chosen.engine_port))
        children.append(Child("engine", module("app.engine", "--workspace", workspace), env, logs / "engine.log"))
    if role != "engine":
        require_free(chosen.host, chosen.port, "PORT")
        children.append(Child("desk", module("app.desk.serve", "--workspace", workspace), env, logs / "desk.log"))
    url = f"http://{chosen.host}:{chosen.port}"
    folder.mkdir(parents=True, exist_ok=True)
    write_progress(folder, Progress("starting", 0, 0, ready=False))
    said: list[str] = []

    def begun() -> None:
        note(f"Fillwell serves {workspace} at {url} (Ctrl-C ends it; logs: {logs})")
        if browser and role != "engine" and sys.stdin.isatty() and sys.stdout.isatty():
            webbrowser.open(url)

    def beat() -> None:
        if children[0].ended and not children[0].replaceable and _GONE not in said:
            said.append(_GONE)
            note(_GONE)
        progress = read_progress(folder)
        if progress is None:
            return
        share = progress.done * 10 // progress.total if progress.total else 0
        text = f"{progress.what}: {share * 10} %" if progress.total else progress.what
        if text not in said:
            said.append(text)
            note(f"  {text}")

    supervise(children, on_start=begun, on_beat=beat)


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
