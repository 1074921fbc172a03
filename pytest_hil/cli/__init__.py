# SPDX-License-Identifier: Apache-2.0
"""The command `hil`, one module a command.

Errors are one line on stderr and an exit code: 1 firmware, 2 usage, 3 bench.
"""

from __future__ import annotations

import importlib
import signal
import sys
import traceback

from ..errors import BenchError, UsageError
from .app import BENCH_FAILED, ORDER, USAGE, app, say

__all__ = ["app", "main"]


def load(command: str | None) -> None:
    """Registers that command, or all where it is none of them: each takes its time to import what it needs."""
    for name in (command,) if command in ORDER else ORDER:
        importlib.import_module(f".{name}", __name__)


def main() -> None:
    """Entry point."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: boards go down in order, results are kept
    load(next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None))
    try:
        app()
    except UsageError as error:
        say(str(error))
        sys.exit(USAGE)
    except BenchError as error:
        say(str(error))
        sys.exit(BENCH_FAILED)
    except Exception as error:
        # A fault of the rig must never look like one of the firmware.
        traceback.print_exc()
        say(f"internal error: {error!r}")
        sys.exit(BENCH_FAILED)
