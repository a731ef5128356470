"""Long work of the desk, one at a time for a workspace: it goes on whatever the browser does, and says how far it is.

A run of a screen ends whenever somebody clicks again or leaves; what must be done whole is done here, beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from data.errors import FillwellError, RequestError
from data.store import Store

log = structlog.get_logger()

Progress = Callable[[str, int, int], None]  #: (what, done, of)
Said = tuple[bool, str]  #: (all went well, one sentence)


@dataclass
class Job:
    """One piece of work: how far it is, and in the end what it said."""

    what: str
    step: str = ""
    done: int = 0
    total: int = 0
    said: Said | None = None  #: None while it runs
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """Tell whether it goes on."""
        return not self._ended.is_set()

    @property
    def share(self) -> float:
        """Give the share of the present step that is done; 0 where it is not known."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def refuse(self, why: str) -> None:
        """End it before it began."""
        self.said = (False, why)
        self._ended.set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; true where it came."""
        return self._ended.wait(seconds)

    def _tell(self, step: str, done: int, total: int) -> None:
        self.step, self.done, self.total = step, done, total

    def _run(self, work: Callable[[Progress], Said]) -> None:
        try:
            self.said = work(self._tell)
        except FillwellError as error:
            self.said = (False, str(error))
        except BaseException:
            self.said = (False, "this went wrong inside the program; the desk's log says how")
            log.exception("a job failed", what=self.what)
            raise
        finally:
            self._ended.set()


_jobs: dict[str, Job] = {}
_lock = threading.Lock()


def begin(store: Store, what: str, work: Callable[[Progress], Said]) -> Job:
    """Begin a piece of work.

    Raises:
        RequestError: another piece of work of this workspace goes on.
    """
    with _lock:
        other = _jobs.get(str(store.facts))
        if other is not None and other.running:
            raise RequestError(f"wait: {other.what} goes on")
        job = _jobs[str(store.facts)] = Job(what)
    threading.Thread(target=job._run, args=(work,), name=f"job {what}", daemon=True).start()  # noqa: SLF001 -- its own
    return job


def running(store: Store) -> Job | None:
    """Give the work of a workspace that goes on now."""
    job = _jobs.get(str(store.facts))
    return job if job is not None and job.running else None
