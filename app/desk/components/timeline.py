"""The timeline of one entity and the table of what its systems disagree about."""

from __future__ import annotations

from collections.abc import Sequence

from app.desk.components.tables import Column, table
from app.desk.components.text import esc
from app.services import words
from app.services.moments import Compared, Moment

#: A colour for each source, in the order in which they speak.
_SERIES = ("blue", "orange", "green", "pink", "sky", "vermillion")


def timeline(moments: Sequence[Moment]) -> str:
    """Draw moments in business time; the lag until we heard stands beside each."""
    colours = {name: _SERIES[i % len(_SERIES)] for i, name in enumerate(dict.fromkeys(m.source for m in moments))}
    parts, day = [], None
    for moment in moments:
        if moment.at.date() != day:
            day = moment.at.date()
            parts.append(f'<div class="day">{esc(words.day(moment.at))}</div>')
        parts.append(_row(moment, colours[moment.source]))
    return f'<div class="fw-time">{"".join(parts)}</div>'


def _row(moment: Moment, colour: str) -> str:
    lag = moment.received_at - moment.at
    side = "later" if lag.total_seconds() >= 0 else "before"
    heard = f"heard {words.instant(moment.received_at)} · {words.span(lag)} {side}"
    mark = " · simulated" if moment.simulated else ""
    return (
        f'<div class="at">{moment.at:%H:%M}</div>'
        f'<div class="mark"><i style="--c:var(--fw-{colour})"></i></div>'
        f'<div class="what"><span class="src">{esc(moment.source)}</span> <b>{esc(moment.what)}</b> '
        f'<span class="q">{esc(moment.detail)}</span><small>{esc(heard)}{mark}</small></div>'
    )


def comparison(compared: Sequence[Compared]) -> str:
    """Draw the systems' answers side by side; what contradicts is bold and says why."""
    systems = list(dict.fromkeys(name for c in compared for name in c.answers))
    rows = []
    for c in compared:
        cells = [
            f'<span class="{"differs" if name in c.differs else ""}">{esc(c.answers.get(name, words.NOTHING))}</span>'
            for name in systems
        ]
        because = f"<small>{esc(c.because)}</small>" if c.differs else ""
        rows.append((f'<span class="q">{esc(c.question)}</span>{because}', *cells))
    columns = [Column("Question", "html"), *(Column(name, "html") for name in systems)]
    return table(columns, rows)
