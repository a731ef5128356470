"""`fillwell store`: look after the store."""

from __future__ import annotations

import typer

from app.cli.common import FORMAT, WORKSPACE, Format, emit, open_workspace, progress

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def rebuild(workspace: WORKSPACE = "mine", chosen: FORMAT = Format.table) -> None:
    """Make every fact anew from the log; the figures stay the same."""
    from data.clock import system_clock
    from data.publish import facts_hash, open_facts
    from data.publish import rebuild as rebuild_facts

    store = open_workspace(workspace)
    before = facts_hash(open_facts(store))
    publication = rebuild_facts(store, now=system_clock(), progress=progress)
    after = facts_hash(open_facts(store))
    emit([{"publication": publication.id if publication else None, "same": before == after, "hash": after}], chosen)
    if before != after:
        raise typer.Exit(1)


@commands.command()
def compact(workspace: WORKSPACE = "mine", chosen: FORMAT = Format.table) -> None:
    """Fold the tails of the fact tables into their bases now."""
    from data.clock import system_clock
    from data.publish import compact as compact_facts

    publication = compact_facts(open_workspace(workspace), now=system_clock(), force=True)
    emit([{"publication": publication.id if publication else None}], chosen)


@commands.command("hash")
def show_hash(workspace: WORKSPACE = "mine", chosen: FORMAT = Format.table) -> None:
    """Hash all facts: equal stores give equal hashes."""
    from data.publish import facts_hash, open_facts

    facts = open_facts(open_workspace(workspace))
    emit([{"publication": facts.id, "position": facts.position, "hash": facts_hash(facts)}], chosen)
