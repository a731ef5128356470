"""The desk's visual language: the style sheet with the palette's variables in front."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from app.desk import palette


@cache
def sheet() -> str:
    """Write the style element."""
    rules = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return f"<style>:root{{{palette.variables()}}}{rules}</style>"
