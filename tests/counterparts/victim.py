"""A process that reads both systems, writes to them, or sends what is approved on the desk, until it is killed.

`python -m tests.counterparts.victim read HOME`: read every stream once, in any order, telling each that ended.
`… write HOME TASKS FIRST`: send the tasks of a file from the first that is not known to be done, telling each that is.
`… act HOME SECONDS`: be the engine that sends and reads back, so many seconds ahead, so that older leases have ended.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import timedelta
from pathlib import Path

import msgspec

from actions.desk import open_desk
from app.connect import connect
from app.engine import work
from app.engine.clock import BusinessClock
from app.engine.work import Engine
from data.clock import system_clock
from data.settings import read_settings
from data.store import open_store
from ingest.adapter import WriteRequest
from ingest.sync import pull_or_error
from tests.counterparts.ours import WORKSPACE

#: Between two looks of the engine, in its own time: what was sent can be read back by then.
A_WHILE = timedelta(minutes=2)


class Task(msgspec.Struct, frozen=True):
    """One write to one system, under its own key."""

    system: str
    request: WriteRequest
    key: str


def main(argv: list[str]) -> None:
    """Do as told."""
    store = open_store(read_settings({"FILLWELL_HOME": str(Path(argv[1]))}), WORKSPACE)
    connected = connect(store, os.environ)
    adapters = connected.adapters
    if argv[0] == "act":
        clock = BusinessClock(timedelta(seconds=float(argv[2])))
        desk = open_desk(store, clock=clock, transport=clock)
        engine = Engine(store, desk, connected, clock, store.facts.parent)
        _tell("began")
        while True:
            work.act(engine)
            clock.lead += A_WHILE
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
