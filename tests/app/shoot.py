"""Take a picture of every screen, light and dark, 1440 by 900: `python -m tests.app.shoot URL [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.app.browser import PATIENCE, Watched, chromium

SCREENS = {
    "overview": "/",
    "orders": "/orders",
    "margin": "/margin",
    "stock": "/stock",
    "queue": "/queue",
    "log": "/log",
    "health": "/health",
    "rows": "/rows?metric=on_time_fill_rate_units",
}
SETTLE = 1_500  #: milliseconds for charts to be drawn


def shoot(base: str, folder: Path) -> None:
    """Write one PNG a screen and theme."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for theme in ("light", "dark"):
            watched = Watched(browser, base, theme=theme)
            for name, path in SCREENS.items():
                page = watched.open(path)
                expect(page.locator("[data-testid=stException]")).to_have_count(0, timeout=PATIENCE)
                page.wait_for_timeout(SETTLE)
                page.screenshot(path=folder / f"{name}-{theme}.png")
            watched.close()


if __name__ == "__main__":
    shoot(sys.argv[1].rstrip("/"), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/pictures"))
