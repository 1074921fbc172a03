# SPDX-License-Identifier: Apache-2.0
"""The command `hil`, one module a command.

Errors are one line on stderr and an exit code: 1 firmware, 2 usage, 3 bench.
"""

from __future__ import annotations

import signal
import sys
import traceback

from ..errors import BenchError, UsageError
from . import (
    boards,
    console,
    doctor,
    gate,
    history,
    keys,
    provision,
    report,
    run,
    scan,
    soak,
    trigger,
    verify,
)
from .app import BENCH_FAILED, USAGE, app, say

# Importing one registers its command.
COMMANDS = (run, report, history, gate, verify, soak, scan, doctor, boards, console, trigger, provision, keys)

__all__ = ["COMMANDS", "app", "main"]


def main() -> None:
    """Entry point."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: boards go down in order, results are kept
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
