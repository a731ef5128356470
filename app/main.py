"""The desk's entry script: which pages there are."""

from __future__ import annotations

from app.desk.shell import run

run()
