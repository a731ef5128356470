"""A process that reads both systems, or writes to them, until it is killed.

`python -m tests.counterparts.victim read HOME`: read every stream once, in any order, telling each that ended.
`… write HOME TASKS FIRST`: send the tasks of a file from the first that is not known to be done, telling each that is.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import msgspec

from app.connect import connect
from data.clock import system_clock
from data.settings import read_settings
from data.store import open_store
from ingest.adapter import WriteRequest
from ingest.sync import pull_or_error
from tests.counterparts.ours import WORKSPACE


class Task(msgspec.Struct, frozen=True):
    """One write to one system, under its own key."""

    system: str
    request: WriteRequest
    key: str


def main(argv: list[str]) -> None:
    """Do as told."""
    store = open_store(read_settings({"FILLWELL_HOME": str(Path(argv[1]))}), WORKSPACE)
    adapters = connect(store, os.environ).adapters
    _tell("began")
    if argv[0] == "read":
        streams = [(adapter, stream) for adapter in adapters.values() for stream in adapter.streams]
        random.shuffle(streams)
        for adapter, stream in streams:
            ended = pull_or_error(store, adapter, stream, clock=system_clock)
            assert ended.error is None, ended.error
            _tell(f"{adapter.connection}/{stream}")
    else:
        tasks = msgspec.json.decode(Path(argv[2]).read_bytes(), type=list[Task])
        for task in tasks[int(argv[3]) :]:
            told = adapters[task.system].send(task.request, key=task.key)
            assert told.outcome == "applied", (task, told)
            _tell(task.key)
    _tell("done")


def _tell(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
