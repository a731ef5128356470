"""Serve the desk: Streamlit's own ASGI app behind our security headers, on loopback.

Run by the supervisor as `python -m app.desk.serve --workspace NAME`.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING

from app.services.workspace import WORKSPACE_VARIABLE, workspace_name
from data.errors import ConfigError, FillwellError
from data.settings import Settings, read_settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ENTRY = Path(__file__).resolve().parents[1] / "main.py"

#: Nothing is fetched from anywhere else; Streamlit's bundle needs inline and evaluated script and blob workers.
POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; "
    "object-src 'none'; "
    "base-uri 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Guard:
    """Put the security headers on every answer and refuse requests that name another host (DNS rebinding)."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...] = LOOPBACK) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 421 where its host is not ours."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        if _host(scope) not in self._hosts:
            await guarded(
                {
                    "type": "http.response.start",
                    "status": 421,
                    "headers": [(b"content-type", b"text/plain")],
                }
            )
            await send({"type": "http.response.body", "body": b"this desk answers to its loopback name only\n"})
            return
        await self._app(scope, receive, guarded)


def _host(scope: Scope) -> str:
    header = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    name = header.rsplit(":", 1)[0] if header.count(":") == 1 or header.startswith("[") else header
    return name.strip("[]").lower()


def require_loopback(host: str) -> None:
    """Refuse to listen where others could reach a desk that asks nobody who they are.

    Raises:
        ConfigError: the address is not loopback.
    """
    if host not in LOOPBACK:
        raise ConfigError(
            f"FILLWELL_HOST={host!r} would let others in, and there is no authentication yet: everyone would be admin; "
            "use 127.0.0.1, and reach it from elsewhere through an SSH tunnel"
        )


def application() -> ASGIApp:
    """Make the ASGI application: Streamlit running `app/main.py` behind the guard."""
    import streamlit as st  # slow to import, and refusals come before it
    from starlette.middleware import Middleware

    from app.desk.delivery import keep_whole

    keep_whole()
    return st.App(ENTRY, middleware=[Middleware(Guard)])


def serve(settings: Settings, workspace: str) -> None:
    """Serve the desk of a workspace until stopped.

    Raises:
        ConfigError: the address is not loopback.
    """
    require_loopback(settings.host)
    import uvicorn

    os.environ["FILLWELL_HOME"] = str(settings.home)
    os.environ[WORKSPACE_VARIABLE] = workspace
    uvicorn.run(
        application(),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        server_header=False,
        ws_max_size=4 * 1024 * 1024,
    )


def main() -> None:
    """Serve a workspace; a refusal is one sentence on standard error."""
    parser = ArgumentParser(prog="python -m app.desk.serve", description="Serve the desk of a workspace.")
    parser.add_argument("--workspace", default=workspace_name(os.environ))
    workspace = parser.parse_args().workspace
    try:
        serve(read_settings(os.environ), workspace)
    except FillwellError as error:
        sys.stderr.write(f"fillwell: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
