"""How a measurement is taken: each in a process of its own, medians of several runs, peak memory of that process."""

from __future__ import annotations

import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Result = dict[str, Any]


def median_seconds(work: Callable[[], object], *, runs: int) -> float:
    """Run some work several times and give the median of its wall seconds."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def result(
    name: str, *, ours: float, peer: float | None, unit: str, peer_name: str | None, packages: tuple[str, ...]
) -> Result:
    """Make the record of one measurement; a ratio above 1 means that ours is better in this unit."""
    better = None
    if peer:
        better = ours / peer if unit.endswith("/s") else peer / ours
    return {
        "name": name,
        "ours": round(ours, 4),
        "peer": None if peer is None else round(peer, 4),
        "peer_name": peer_name,
        "ratio": None if better is None else round(better, 2),
        "unit": unit,
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in packages}},
    }


def call_in_own_process(module: str, function: str) -> Any:  # noqa: ANN401 -- what the function gives, through JSON
    """Call a function of a module in a fresh interpreter and give its answer."""
    code = f"import json, {module} as m; print(json.dumps(m.{function}()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])
