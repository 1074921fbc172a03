# SPDX-License-Identifier: Apache-2.0
"""Child processes that die with the runner, whatever happens to it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Sequence

from ..errors import BenchError

END_TIMEOUT_S = 5.0


def spawn_tied(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts `command` so that the kernel ends it when the runner dies. Its stdout and stderr come as one pipe.

    Raises BenchError when the program is not there.
    """
    if shutil.which(command[0]) is None:
        raise BenchError(f"{command[0]} is not installed, or not in PATH: run 'make setup', or install it by hand")
    tied = ["setpriv", "--pdeathsig", "TERM", "--", *command]
    try:
        return subprocess.Popen(tied, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise BenchError("setpriv (package util-linux) is not installed") from None


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminates it, and kills it when it does not listen."""
    process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(OSError):
        if process.stdout is not None:
            process.stdout.close()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago; whoever uses it must be ready to lose the race."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
