"""The application: its commands, and running one."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from spikewright import __version__, progress
from spikewright.cli.building import check_command, compile_command
from spikewright.cli.doctor import doctor_command
from spikewright.cli.exits import FAILED, OK, STOPPED, WRONG, complain, os_reason, usage
from spikewright.cli.running import cosim_command, estimate_command, report_command
from spikewright.cli.sound import decode_command, encode_command
from spikewright.cli.training import demo_command, reproduce_command, train_command
from spikewright.errors import CheckFailedError, ConfigError, SpikewrightError

__all__ = ["app", "main"]

COMMANDS: dict[str, Callable[..., int]] = {
    "doctor": doctor_command,
    "train": train_command,
    "demo": demo_command,
    "reproduce": reproduce_command,
    "encode": encode_command,
    "decode": decode_command,
    "check": check_command,
    "compile": compile_command,
    "cosim": cosim_command,
    "estimate": estimate_command,
    "report": report_command,
}
"""Commands by name, in the order in which ``--help`` lists them."""

app = typer.Typer(
    name="spikewright",
    help="Turns trained sparse spiking networks into hardware that provably does the same.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, command in COMMANDS.items():
    app.command(name)(command)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> int:
    """Turn trained sparse spiking networks into hardware that provably does the same."""
    if version:
        print(f"spikewright {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise ConfigError(f"name a command: {', '.join(COMMANDS)}; spikewright --help tells more")
    return OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; its exit code."""
    progress.enable()
    try:
        code = app(arguments, prog_name="spikewright", standalone_mode=False)
        sys.stdout.flush()
        if code == STOPPED:  # Typer's way to pass on a key press
            return complain("stopped", STOPPED)
        return code if isinstance(code, int) else OK
    except typer.TyperException as error:
        return complain(usage(error), WRONG)
    except CheckFailedError as error:
        return complain(str(error), FAILED)
    except SpikewrightError as error:
        return complain(str(error), WRONG)
    except BrokenPipeError:  # whoever reads has seen enough; Typer and Rich end with 1 then, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return complain(os_reason(error), WRONG)
    except (KeyboardInterrupt, typer.Abort):
        return complain("stopped", STOPPED)
