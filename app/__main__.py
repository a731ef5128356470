"""The program: one command line for everything. What a command does not need is not imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from app.cli import actions, cases, connect, demo, doctor, forecast, ingest, metrics, serve, store
from data.errors import FillwellError

program = typer.Typer(
    name="fillwell",
    help="The operations desk of a company that sells through many channels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
program.add_typer(ingest.commands, name="ingest", help="Bring data in and see what became of it.")
program.add_typer(metrics.commands, name="metrics", help="Ask for figures and the rows they are made of.")
program.add_typer(forecast.commands, name="forecast", help="See what will run out and why.")
program.add_typer(cases.commands, name="cases", help="See the queue of exceptions.")
program.add_typer(actions.commands, name="actions", help="Plan, approve, send and verify corrections.")
program.add_typer(store.commands, name="store", help="Rebuild, compact and look after the store.")
serve.register(program)
connect.register(program)
demo.register(program)
doctor.register(program)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; what goes wrong is said in one sentence on standard error, never as a traceback.

    Exit codes: 0 done, 1 the program could not do it, 2 the request was wrong, 130 interrupted.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", str(os.cpu_count() or 1))
    command = get_command(program)
    try:
        code = command.main(args=list(argv) if argv is not None else None, prog_name="fillwell", standalone_mode=False)
    except FillwellError as error:
        sys.stderr.write(f"fillwell: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("fillwell: interrupted; what was acknowledged is stored, run it again to go on\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except TyperException as error:
        sys.stderr.write(f"fillwell: {error.format_message().rstrip('.')}; see `fillwell --help`\n")
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
