# SPDX-License-Identifier: Apache-2.0
"""The command `hil`, one module a command.

Errors are one line on stderr and an exit code: 1 firmware, 2 usage, 3 bench. What takes its time to import is imported
by `main`, where Ctrl-C is no traceback.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path

from ..printable import no_commands

PASS, FIRMWARE_FAILED, USAGE, BENCH_FAILED = 0, 1, 2, 3
_TYPERS_CTRL_C = 130


def load(command: str | None) -> None:
    """Registers that command, or all where it is none of them: each takes its time to import what it needs."""
    from .app import ORDER  # noqa: PLC0415

    for name in (command,) if command in ORDER else ORDER:
        importlib.import_module(f".{name}", __name__)


def main() -> None:
    """Entry point."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: boards go down in order, results are kept
    _open_what_is_closed()
    try:
        with no_commands() if os.environ.get("GITHUB_ACTIONS") else contextlib.nullcontext():
            code = _run()
    except KeyboardInterrupt:
        say("interrupted")
        code = BENCH_FAILED
    sys.exit(code)


def say(message: str) -> None:
    """A complaint: one line on stderr."""
    sys.stderr.write(f"hil: {' '.join(message.split())}\n")
    sys.stderr.flush()


def _run() -> int:
    """Does what the command line asks for; the exit code."""
    from .app import app  # noqa: PLC0415

    try:
        load(next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None))
        code = app(prog_name="hil", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as end:  # rich's and typer's, where nobody reads what is written; or a completion is done
        _write_nowhere()
        return int(end.code or 0) if "_HIL_COMPLETE" in os.environ else BENCH_FAILED
    except Exception as error:
        return _complain(error)
    if code == _TYPERS_CTRL_C:
        raise KeyboardInterrupt
    return int(code or 0)


def _complain(error: Exception) -> int:
    """One line about it; the exit code."""
    from typer import TyperException  # noqa: PLC0415

    from ..errors import HilError, UsageError, machine_fault  # noqa: PLC0415

    if isinstance(error, TyperException):
        if message := error.format_message():  # none, where no command was given: then the help was printed
            path = getattr(getattr(error, "ctx", None), "command_path", "hil")
            say(f"{message.rstrip('.')}; see '{path} --help'")
        return USAGE
    if isinstance(error, HilError):
        say(str(error))
        return USAGE if isinstance(error, UsageError) else BENCH_FAILED
    if isinstance(error, FileNotFoundError) and error.filename is None:  # what os.getcwd() says
        say("the current folder has been removed; go to another")
        return USAGE
    _write_nowhere()
    fault = machine_fault(error, Path("standard output"))
    if fault is not None:
        say(str(fault))
    elif not isinstance(error, BrokenPipeError):
        # A fault of the rig must never look like one of the firmware.
        traceback.print_exc()
        say(f"internal error: {error!r}")
    return BENCH_FAILED


def _open_what_is_closed() -> None:
    """A shell starts a command without its standard streams when told so (`>&-`); the first files it opens would take
    their places."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123  the lowest descriptor that is free: its own


def _write_nowhere() -> None:
    """What is still to be written to standard output could not be, and would be complained of at the very end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
