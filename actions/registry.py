"""Every detector and every type of action, found by their files: adding one is adding a file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from actions import commands as command_files
from actions import detectors as detector_files
from actions.findings import Detector
from data.errors import RequestError

if TYPE_CHECKING:
    from actions.plans import ActionType


@cache
def detectors() -> dict[str, Detector[Any]]:
    """Give every detector by its id, parents of others (late feeds) first."""
    names = sorted(module.name for module in iter_modules(detector_files.__path__))
    found: list[Detector[Any]] = [import_module(f"{detector_files.__name__}.{name}").DETECTOR for name in names]
    return {d.id: d for d in sorted(found, key=lambda d: (d.id != "X46", d.id))}


@cache
def action_types() -> dict[str, ActionType[Any]]:
    """Give every type of action by its id."""
    names = sorted(module.name for module in iter_modules(command_files.__path__))
    found: list[ActionType[Any]] = [import_module(f"{command_files.__name__}.{name}").ACTION for name in names]
    return {a.id: a for a in found}


def action_type(name: str) -> ActionType[Any]:
    """Find a type of action.

    Raises:
        RequestError: there is none of that name.
    """
    if name not in action_types():
        raise RequestError(f"there is no action {name!r}; there are: {', '.join(action_types())}")
    return action_types()[name]
