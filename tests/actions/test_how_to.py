"""The how-to pages, followed word by word: one file is saved, its test passes, nothing else is touched."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actions import commands, detectors, registry

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def blocks(page: str) -> list[str]:
    """Give the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Let the registry look again before and after."""
    before = set(sys.modules)
    registry.detectors.cache_clear()
    registry.action_types.cache_clear()
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("actions.detectors.", "actions.commands.")):
            del sys.modules[name]
    registry.detectors.cache_clear()
    registry.action_types.cache_clear()


def followed(page: str, name: str, package: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:  # noqa: ANN401 -- a package
    """Save the page's file as told and give the names of its test."""
    source, test = blocks(page)
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    importlib.invalidate_caches()
    names: dict[str, Any] = {}
    exec(compile(test, page, "exec"), names)  # noqa: S102 -- our own page, followed word by word
    return names


def test_add_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = followed("add-a-detector.md", "x04_hidden_stock", detectors, tmp_path, monkeypatch)
    names["test_stock_that_customers_want_and_the_channel_hides_is_found"]()


def test_add_an_action(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, home = tmp_path / "code", tmp_path / "home"
    code.mkdir()
    names = followed("add-an-action.md", "stop_selling", commands, code, monkeypatch)
    names["test_selling_is_stopped_and_proved"](home)
