"""The whole loop without the desk."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KEYS = {
    "orders", "events", "received", "accepted", "duplicates", "conflicts", "dead_letters", "faults_injected",
    "faults_detected", "false_cases", "cases_by_detector", "actions_sent", "actions_verified",
}  # fmt: skip


def test_every_fault_is_found_nothing_is_imagined_and_every_action_is_proved(tmp_path: Path) -> None:
    env = {**os.environ, "FILLWELL_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "app", "demo", "--check", "--format", "json"]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    print(done.stderr[-1_000:], done.stdout)  # noqa: T201 -- what a change's check shows of the loop
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert set(report) == KEYS
    assert report["orders"] == 19_959
    assert report["received"] == sum(report[k] for k in ("accepted", "duplicates", "conflicts", "dead_letters"))
    assert report["actions_sent"] >= 8
    for kind in ("set_listing_quantity", "push_fulfilment", "expedite_order", "replay_feed"):
        assert re.search(rf"proved: .*[1-9]\d* {kind}", done.stderr), done.stderr[-3000:]
