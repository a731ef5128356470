"""Read a late feed again from where it stopped, with its overlap. It changes nothing at the remote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event

#: A feed is back when the source itself says that its data is at most so old.
FRESH = timedelta(minutes=5)


def look(case: Mapping[str, Any], view: View) -> Look:
    """Name the streams of the late feed."""
    if case["kind"] != "feed":
        raise RequestError(f"case {case['id']} is about a {case['kind']}, not about a feed")
    connection, streams = _streams(case, view)
    return Look(connection=connection, stream=streams[0], key=None)


def plan(ask: Ask) -> Draft:
    """Read every late stream of the feed again."""
    connection, streams = _streams(ask.case, ask.view)
    return Draft(
        target=f"feed/{ask.case['object_id']}",
        words=f"read {', '.join(streams)} of {connection} again from where they stopped",
        direction="protective",
        request=None,
        changes=tuple(
            Change(system="log", thing=f"{connection}/{s}", field="cursor", before="where it stopped", after="now")
            for s in streams
        ),
        why=("its source has said nothing new for longer than it should",),
        side_effects=("none at the remote: it is only read",),
        reversible="nothing to take back",
        repeat="what was read before is recognised and counted once",
        expected={"streams": streams},
    )


def verify(intent: Intent, _event: Event | None, meanwhile: Meanwhile) -> Verdict:
    """The source itself says that every one of its streams is current."""
    known = {s: meanwhile.as_of.get((intent.connection, s)) for s in intent.expected["streams"]}
    seen = {"as_of": known}
    behind = sorted(s for s, at in known.items() if at is None or meanwhile.now - at > FRESH)
    if behind:
        return Verdict(state="absent", words=f"{', '.join(behind)}: the source still serves old data", seen=seen)
    return Verdict(state="verified", words="every stream is current by the source's own word", seen=seen)


def _streams(case: Mapping[str, Any], view: View) -> tuple[str, list[str]]:
    connection, _, stream = str(case["object_id"]).partition("/")
    known = [s.stream for s in view.statuses if s.connection == connection]
    streams = [stream] if stream else known
    if not streams:
        raise RequestError(f"nothing was ever read from {connection}; check its connection")
    return connection, streams


ACTION: ActionType[None] = ActionType(
    id="replay_feed",
    title="Replay feed",
    inputs=(),
    look=look,
    plan=plan,
    verify=verify,
    internal=True,
)
