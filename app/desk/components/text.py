"""Untrusted text on its way to the screen: escaped for HTML, neutralised for Markdown, never interpreted."""

from __future__ import annotations

import html
import re

import streamlit as st

#: What Markdown and Streamlit's directives give a meaning to.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=\"'@])")


def esc(value: object) -> str:
    """Make a value safe inside HTML text and attributes."""
    return html.escape(str(value), quote=True)


def marked(text: str) -> str:
    """Write a definition of ours, safe as `esc` makes it, with its *emphasis* and its `names` drawn as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", re.sub(r"\*([^*\s][^*]*)\*", r"<em>\1</em>", esc(text)))


def plain(value: object) -> str:
    """Make a value safe where Streamlit renders Markdown: labels, captions, toasts."""
    one_line = " ".join(str(value).split())
    return _MARKDOWN.sub(r"\\\1", one_line)


def put(markup: str) -> None:
    """Show our own markup; every value in it went through `esc`."""
    st.html(markup)


def heading(title: object, small: object = "", *, aside: str = "") -> str:
    """Write the title of a card with what it needs said beside it; `aside` is markup of ours."""
    said = f" <small>{esc(small)}</small>" if small else ""
    return f'<div class="fw-title"><span>{esc(title)}{said}</span>{aside}</div>'


def note(text: object) -> str:
    """Write a quiet paragraph."""
    return f'<p class="fw-note">{esc(text)}</p>'
