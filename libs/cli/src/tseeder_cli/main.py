"""The `tseeder` command. Only typer is imported here: each command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tseeder_cli.commands import account, admin, files, jobs, links, registration, security, stack
from tseeder_cli.commands.options import Options
from tseeder_cli.errors import CliError, ExitCode, Interrupted

EPILOG = """
**Start here**

`tseeder demo` shows all of it, with a torrent of its own. (In a clone: `.venv/bin/tseeder`, or `make demo`.)

`tseeder up`, then in another terminal `tseeder admin bootstrap`, and `tseeder add movie.torrent --watch`.

**Exit status**  0 done - 1 failed - 2 wrong usage - 3 not signed in, or not allowed - 4 not found -
5 refused - 6 no answer, try again later - 130 interrupted.

**Environment**  TSEEDER_URL, TSEEDER_API_KEY instead of `tseeder login`; TSEEDER_STATE, the folder of a stack of
this machine; NO_COLOR for plain text.
"""


class _Commands(TyperGroup):
    """Turns what commands raise into one line and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            sys.stderr.write(f"\n{error.message}\n")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except CliError as error:
            from tseeder_cli.screen import show_error

            show_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            sys.stderr.write("\ninterrupted\n")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except typer.Abort as error:  # a prompt that got no answer: Ctrl-C, or the end of the input
            if isinstance(error.__context__, KeyboardInterrupt):
                sys.stderr.write("\ninterrupted\n")
                raise typer.Exit(ExitCode.INTERRUPTED) from None
            sys.stderr.write("\nnot answered\n")
            raise typer.Exit(ExitCode.FAILED) from None
        except BrokenPipeError:  # `tseeder ls | head`: nobody reads on, which is no failure
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None


app = typer.Typer(
    name="tseeder",
    cls=_Commands,
    help="A magnet or a .torrent in, files in your own S3 out: watched live, downloaded or streamed.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tseeder {version('tseeder-cli')}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    url: Annotated[
        str,
        typer.Option(
            "--url",
            envvar="TSEEDER_URL",
            show_default=False,
            help="The server. Without it: the stack that runs here, else the one of the last login.",
        ),
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    ctx.obj = Options(url=url)


stack.register(app)
account.register(app)
security.register(app)
registration.register(app)
jobs.register(app)
files.register(app)
links.register(app)
app.add_typer(admin.app, name="admin", rich_help_panel="Operating")
