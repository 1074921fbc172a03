# SPDX-License-Identifier: Apache-2.0
"""Processes that die with the runner, whatever happens to it: its children, and this one where it is a child itself."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from ..errors import BenchError

END_TIMEOUT_S = 5.0
LOOPBACK = "127.0.0.1"
_ANY = ("0.0.0.0", "::")
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin"  # where Debian puts servers; not in an ordinary user's PATH
# The runner may have died before the kernel was told to watch it; then nobody would ever end the child.
_UNLESS_ORPHAN = 'test "$PPID" = "$0" && exec "$@"'


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise BenchError(f"{name} is not installed, or not in PATH: run 'make setup', or install it by hand")
    return found


def run_to_end(command: Sequence[str]) -> str | None:
    """Runs a program that ends by itself. Returns what it complained of, None when it succeeded.

    Raises BenchError when the program is not there.
    """
    done = subprocess.run([_program(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip()


def spawn_tied(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts `command` so that the kernel ends it when the runner dies. Its stdout and stderr come as one pipe.

    A program that changes its user loses that bond: the kernel forgets the signal then.

    Raises BenchError when the program is not there.
    """
    found = _program(command[0])
    tied = ["setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", _UNLESS_ORPHAN, str(os.getpid()), found, *command[1:]]
    try:
        return subprocess.Popen(tied, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise BenchError("setpriv (package util-linux) is not installed") from None


def die_with(parent: int) -> None:
    """Has the kernel end this process when its parent dies; nothing happens where `parent` is not its parent.

    Linux only, as the native board is. Elsewhere a worker of a killed run ends some seconds later, by itself.
    """
    if sys.platform != "linux" or os.getppid() != parent:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        os.kill(os.getpid(), signal.SIGKILL)


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminates it, and kills it when it does not listen."""
    process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def own_address(bind: str) -> str:
    """Where the runner itself reaches a service that listens on `bind`."""
    return LOOPBACK if bind in _ANY else bind


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago; whoever uses it must be ready to lose the race."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
