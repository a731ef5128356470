"""`make bench`: run every measurement, print a table, write benchmarks/results.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.harness import call_in_own_process

MODULES = (
    "benchmarks.append_beside_dlt", "benchmarks.fold_and_publish", "benchmarks.metric_over_lines",
    "benchmarks.projection_of_items",
)  # fmt: skip


def main() -> None:
    """Run the measurements one after the other, so that none disturbs another."""
    results = []
    for module in MODULES:
        sys.stderr.write(f"{module} …\n")
        results.extend(call_in_own_process(module, "run"))
    (Path(__file__).parent / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    for r in results:
        beside = f"{r['peer']:>12,.3f} {r['peer_name']:<6}  x{r['ratio']}" if r["peer"] is not None else ""
        print(f"{r['name']:<52} {r['ours']:>12,.3f} {r['unit']:<10} {r['peak_memory_mib']:>4} MiB  {beside}".rstrip())


if __name__ == "__main__":
    main()
