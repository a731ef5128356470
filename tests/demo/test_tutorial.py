"""The tutorial, run as it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.conftest import RunningDemo
from tests.docs.following import ROOT, blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_every_command_of_the_first_hour_works(running_demo: RunningDemo, tmp_path: Path) -> None:
    page = ROOT / "docs" / "tutorial" / "first-hour.md"
    script = "\n".join(block.text for block in blocks(page) if block.language == "sh")
    env = {**running_demo.env, "PATH": f"{Path(sys.executable).parent}:{running_demo.env['PATH']}"}
    done = subprocess.run(["bash", "-euxc", script], cwd=tmp_path, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "verified" in done.stdout
