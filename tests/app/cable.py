"""The wire between Fillwell and a system, which a test can pull out at a chosen moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@dataclass
class Cable:
    """Passes requests on, until so many writes went through."""

    url: str
    writes_left: int | None = None  #: then nothing passes any more; None: everything passes
    written: int = 0

    @property
    def out(self) -> bool:
        """Tell whether it is pulled out."""
        return self.writes_left is not None and self.written >= self.writes_left


@contextmanager
def cable_to(url: str) -> Iterator[Cable]:
    """Serve an address that leads to `url` while its cable is in."""

    class Passing(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if cable.out:
                self.close_connection = True
                return  # no answer at all: the connection just ends
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = httpx.request(self.command, f"{url}{self.path}", headers=headers, content=body, timeout=60)
            cable.written += self.command != "GET"
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "content-encoding", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 -- the standard library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    cable = Cable(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield cable
    finally:
        server.shutdown()
        server.server_close()
