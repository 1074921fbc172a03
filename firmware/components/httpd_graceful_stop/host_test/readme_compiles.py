#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the first C block of a README as a reader would paste it: what is static outside, the rest in a function.

readme_compiles.py README COMMAND...     COMMAND: the compiler and its options
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def pasted(block: str) -> str:
    """The block in a file: whole functions as they are, loose statements inside a function that has a handler."""
    if re.search(r"^\}", block, re.M):
        return f"#include <esp_http_server.h>\nextern const httpd_uri_t stream_uri;\n{block}"
    lines = block.splitlines()
    beside = [line for line in lines if line.startswith(("#", "static "))]
    inside = [line for line in lines if line not in beside]
    return "\n".join([*beside, "void paste(httpd_uri_t uri);", "void paste(httpd_uri_t uri)", "{", *inside, "}", ""])


def main() -> None:
    readme, command = Path(sys.argv[1]), sys.argv[2:]
    found = re.search(r"^```c\n(.*?)^```", readme.read_text(encoding="utf-8"), re.M | re.S)
    if found is None:
        sys.exit(f"{readme} has no C block")
    hint = re.compile(r"^// in a handler.*?:  (.*)$", re.M)  # in a comment, and code as well
    block = hint.sub(r"for (httpd_req_t *req = NULL;;) { \1 }", found.group(1))
    done = subprocess.run([*command, "-x", "c", "-fsyntax-only", "-"], input=pasted(block), text=True, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
