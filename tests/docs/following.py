"""Follow a how-to page: write the files that it shows, change those that it changes, run what it runs.

A fenced block names its file after the language: ```python path``` is a new file, ```diff path``` a change to one that
exists (hunks without line numbers: the lines before and after show the place), ```sh``` is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)[ \t]*([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    path: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Give the fenced blocks of a page in order."""
    return [Block(m[1], m[2].strip(), m[3]) for m in _BLOCK.finditer(page.read_text())]


def copy_of_the_project(folder: Path) -> Path:
    """Copy what git tracks into a folder of its own."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.split("\n"):
        if name and not name.startswith(("docs/pictures/", "sandbox/data/")) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def follow(page: Path, project: Path) -> None:
    """Do in a copy of the project what a page says; a command that fails raises with its output."""
    for block in blocks(page):
        if block.language == "diff":
            file = project / block.path
            file.write_text(changed(file.read_text(), block.text))
        elif block.language == "sh":
            run(block.text, project)
        elif block.path:
            (project / block.path).parent.mkdir(parents=True, exist_ok=True)
            (project / block.path).write_text(block.text)


def run(script: str, project: Path) -> str:
    """Run a block of commands in the project and give what it printed."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(project)}
    done = subprocess.run(["bash", "-euc", script], cwd=project, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def changed(text: str, diff: str) -> str:
    """Apply hunks that show their place by the lines around it."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        if not lines:
            continue
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines if not line.startswith("-"))
        assert text.count(before) == 1, f"this place is not there, or more than once:\n{before}"
        text = text.replace(before, after)
    return text
