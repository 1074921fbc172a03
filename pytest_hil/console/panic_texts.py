# SPDX-License-Identifier: Apache-2.0
"""The texts by which ESP chips tell of a panic, as regular expressions; nothing else.

Three kinds. *Openers* begin a panic wherever they stand alone on a line. *Details* add to one that is open. *Signs* are
printed by every panic handler after the opener; alone, one sign proves nothing (an ordinary boot prints an ELF SHA-256,
a task watchdog's warning prints a backtrace), two different ones close together do: the opener was lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opener:
    kind: str
    pattern: re.Pattern[str]


def _opener(kind: str, pattern: str) -> Opener:
    return Opener(kind, re.compile(pattern))


HEX = r"0x[0-9a-fA-F]+"

OPENERS = (
    _opener(
        "assert",
        r"assert failed: (?P<function>\S.*?) (?P<file>[^\s:]\S*|<cached disabled>):(?P<line>\d+) "
        r"\((?P<expression>.*?)\)?\s*$",
    ),
    _opener("assert", rf"assert failed: (?P<cause>{HEX})\s*$"),
    _opener(
        "assert",
        r'assertion "(?P<expression>.*)" failed: file "(?P<file>[^"]+)", line (?P<line>\d+)'
        r"(?:, function: (?P<function>\S.*?))?\s*$",
    ),
    _opener("abort", rf"abort\(\) was called at PC {HEX}(?: on core (?P<core>\d))?\s*$"),
    _opener("esp_error_check", rf"ESP_ERROR_CHECK failed: esp_err_t {HEX} \((?P<cause>[A-Z0-9_ ]+)\) at {HEX}\s*$"),
    _opener(
        "guru_meditation",
        r"Guru Meditation Error: Core\s+(?P<core>\d) panic'ed \((?P<cause>[^)]*(?:\([^)]*\))?[^)]*)\)",
    ),
    _opener("stack_overflow", r"\*\*\*ERROR\*\*\* A stack overflow in task (?P<task>.+?) has been detected"),
    _opener("stack_smashing", r"Stack smashing protect failure!"),
    _opener("heap_corruption", rf"CORRUPT HEAP: (?P<cause>\S.*?(?:{HEX}|block|data).*?)\s*$"),
    _opener("brownout", r"(?:[EW] (?:\(\d+\) )?BOD: )?Brownout detector was triggered"),
    _opener("panic_reentered", r"Re-entered core dump!|Panic handler entered multiple times"),
    _opener("exception", r"Fatal exception (?P<cause>\d+ ?\(\w+\)):"),
    _opener("exception", r"Exception \((?P<cause>\d+)\):\s*$"),
)

# The first words of all openers: cheap to look for in every line.
TRIGGERS = re.compile(
    rb"assert failed: |assertion \"|abort\(\) was|ESP_ERROR_CHECK failed|Guru Medit|\*\*\*ERROR\*\*\*|Stack smash"
    rb"|CORRUPT HEAP|Brownout det|Re-entered|Panic handler|Fatal exc|Exception \("
    rb"|Backtrace:|ELF file SHA256:|Rebooting|CPU halted|register dump:|Stack memory:|MEPC  "
)

# What comes with a panic but does not begin one.
SIGNS = {
    "backtrace": re.compile(rf"^Backtrace:\s?(?P<frames>(?:\s*{HEX}:{HEX})+)"),
    "elf_sha256": re.compile(r"^ELF file SHA256:\s+[0-9a-f]{9,}"),
    "rebooting": re.compile(r"^Rebooting(?: in \d+ seconds)?\.\.\.\s*$"),
    "halted": re.compile(r"^CPU halted\.\s*$"),
    "registers": re.compile(r"^Core\s+\d register dump:"),
    "stack_memory": re.compile(r"^Stack memory:\s*$"),
    "mepc": re.compile(rf"^MEPC\s+:\s+{HEX}"),
}

DETAILS = (
    re.compile(r'^file: "(?P<file>[^"]+)" line (?P<line>\d+)'),
    re.compile(r"^func: (?P<function>\S.*?)\s*$"),
    re.compile(r"^expression: (?P<expression>.+?)\s*$"),
    re.compile(r"Stack canary watchpoint triggered \((?P<task>[^)]+)\)"),
    re.compile(r"^Debug exception reason: (?P<cause>(?!Stack canary)\S.*?)\s*$"),
)

# An ESP_LOG line: a level letter, a time in brackets, a tag. What it quotes is told, not happening.
LOGGED = re.compile(r"^[EWIDV] \(\d+(?:[:.]\d+)*\) [^:]+: ")
