"""Errors, named for what the caller must do.

FillwellError
├── ConfigError             the operator must change a setting or an argument
├── StoreError              the store cannot be used as it is: missing, locked, read-only, newer, full
├── RequestError            what was asked for does not exist or is not allowed; the message says what does
└── SourceError             a remote system misbehaved
    ├── SourceUnavailable   try again later
    ├── SourceRejected      do not try again; it needs a person
    └── RecordInvalid       one record is bad: it becomes a dead letter and the rest goes on
"""

from __future__ import annotations


class FillwellError(Exception):
    """Anything that Fillwell reports in one sentence instead of a traceback."""


class ConfigError(FillwellError):
    """The operator must change a setting or an argument."""


class StoreError(FillwellError):
    """The store cannot be used as it is."""


class RequestError(FillwellError):
    """What was asked for does not exist or is not allowed."""


class SourceError(FillwellError):
    """A remote system misbehaved."""


class SourceUnavailable(SourceError):  # noqa: N818 -- named for the reaction: try again later
    """The remote system cannot be reached or is busy; try again later."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SourceRejected(SourceError):  # noqa: N818 -- named for the reaction: do not try again
    """The remote system refused; trying again changes nothing."""


class RecordInvalid(SourceError):  # noqa: N818 -- named for the reaction: quarantine this one
    """One record cannot be understood; `error_class` groups it with others of its kind."""

    def __init__(self, message: str, *, error_class: str = "value") -> None:
        super().__init__(message)
        self.error_class = error_class
