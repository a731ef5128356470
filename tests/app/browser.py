"""A real Chromium before a real desk, for the tests of what only a browser shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, Request, expect, sync_playwright

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120_000  #: milliseconds: a busy machine was seen to need a minute for what takes seconds


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium, or skip with how to get it."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of ours for the length of a block and end it by its own handle."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def module(name: str, *arguments: str) -> list[str]:
    """Give the command that runs a module with this Python."""
    return [sys.executable, "-m", name, *arguments]


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, *, seconds: float = 60.0) -> None:
    """Wait until a server answers; what it said last is the error where it does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=2.0).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
        if process.poll() is not None:
            break
    raise AssertionError(f"{url} does not answer: {log.read_text()[-2000:]}")


class Watched:
    """A page with everything that it asked for and complained of."""

    def __init__(self, browser: Browser, base: str, *, theme: str = "light") -> None:
        self.context = browser.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme="dark" if theme == "dark" else "light"
        )
        self.page: Page = self.context.new_page()
        self.base = base
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._note)
        self.page.on("pageerror", self._complain)

    def _complain(self, error: Error) -> None:
        self.complaints.append(str(error))
        print(f"the page complains: {error}")  # noqa: T201 -- shown where a test failed

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    @property
    def elsewhere(self) -> list[str]:
        """Requests that left this desk."""
        ours = (self.base, self.base.replace("http", "ws", 1), "data:", "blob:")
        return [url for url in self.asked if not url.startswith(ours)]

    def open(self, path: str) -> Page:
        """Go to a page and wait until it is drawn to its foot."""
        self.page.goto(f"{self.base}{path}")
        expect(self.page.locator(".fw-foot")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=PATIENCE)
        return self.page

    def close(self) -> None:
        """Give the context back."""
        self.context.close()
