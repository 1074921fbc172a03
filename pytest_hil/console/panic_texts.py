# SPDX-License-Identifier: Apache-2.0
"""The texts by which ESP chips tell of a panic, as regular expressions; nothing else.

Four kinds. *Openers* begin a panic wherever they stand alone on a line. *Stubs* are the first words of openers whose
rest was cut off or written over; alone they prove nothing. *Details* add to an open panic. *Signs* are printed by
every panic handler after the opener; alone, one sign proves nothing (an ordinary boot prints an ELF SHA-256, a task
watchdog's warning prints a backtrace), two different ones close together do: the opener was lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opener:
    kind: str
    pattern: re.Pattern[str]
    alone: bool = False  # its words are too common to be believed behind other text


def _opener(kind: str, pattern: str, alone: bool = False) -> Opener:
    return Opener(kind, re.compile(pattern), alone)


HEX = r"0x[0-9a-fA-F]+"
_END = r"(?:\s*$|(?=[EWIDV] \(\d+\) ))"  # the line's, or where another core's begins
_SOURCE = r"[^\s:]+\.(?:c|h|cc|cpp|cxx|hpp|hh|ino|S|inc|rs)"

OPENERS = (
    # ESP-IDF 4.x and later. The expression is cut out by hand: it may hold brackets, and end anywhere.
    _opener(
        "assert",
        r"assert failed: (?P<function>\S.*?) (?P<file>[^\s:]\S*|<cached disabled>):(?P<line>\d+) \((?P<expression>.*)$",
    ),
    _opener("assert", rf"assert failed: (?P<function>\S.*?) (?P<file>{_SOURCE}):(?P<line>\d+)\s*\(?\s*$"),
    _opener("assert", rf"assert failed: (?P<cause>{HEX})\s*$"),
    # newlib's, before 4.x; FreeRTOS's own of that time; lwIP's.
    _opener(
        "assert",
        r'assertion "(?P<expression>.*)" failed: file "(?P<file>[^"]+)", line (?P<line>\d+)'
        r"(?:, function: (?P<function>\S.*?))?\s*$",
    ),
    _opener("assert", r"(?P<file>\S+):(?P<line>\d+) \((?P<function>\w+)\)-? ?assert failed!\s*$"),
    _opener("assert", r'Assertion "(?P<expression>.+)" failed at line (?P<line>\d+) in (?P<file>\S+?)\s*$'),
    _opener("abort", rf"abort\(\) was called at PC {HEX}(?: on core (?P<core>\d))?" + _END),
    _opener("esp_error_check", rf"ESP_ERROR_CHECK failed: esp_err_t {HEX} \((?P<cause>[A-Z0-9_ ]+)\) at {HEX}"),
    _opener(
        "guru_meditation",
        r"Guru Meditation Error: Core\s+(?P<core>\d) panic'ed \((?P<cause>[^()]*(?:\([^)]*\))?[^()]*)",
    ),
    _opener("guru_meditation", r"Guru Meditation Error: Core\s+(?P<core>\d)\s*[panic'ed (]*$"),
    _opener("guru_meditation", r"Guru Meditation Error of type (?P<cause>\w+) occurred on core\s+(?P<core>\d)"),
    _opener("stack_overflow", r"\*\*\*ERROR\*\*\* A stack overflow in task (?P<task>.+?) has been detected"),
    _opener("stack_overflow", r"(?:Debug exception reason: )?Stack canary watchpoint triggered \((?P<task>[^)]+)\)"),
    _opener("stack_smashing", r"Stack smashing protect failure!"),
    _opener("undefined_behaviour", r"Undefined behavior of type (?P<cause>\w+)\s*$"),
    _opener("heap_corruption", rf"CORRUPT HEAP: (?P<cause>\S.*?(?:{HEX}|block|data).*?)\s*$"),
    _opener("brownout", r"(?:[EWI] (?:\(\d+\) )?\w*(?:BOD|brownout): )?Brownout detector was triggered" + _END),
    _opener("panic_reentered", r"Re-entered core dump!|Panic handler entered multiple times"),
    # ESP8266, and the ESP32's ROM.
    _opener("exception", r"Fatal exception (?P<cause>\(?\d+\)?(?::? ?\(?\w+\)?)?):?", alone=True),
    _opener("exception", r"Exception \((?P<cause>\d+)\):\s*$", alone=True),
    _opener("abort", rf"Panic (?P<file>{_SOURCE}):(?P<line>\d+) (?P<function>\S.*?)\s*$", alone=True),
    _opener("abort", r"User exception \(panic/abort/assert\)", alone=True),
    _opener("abort", r"Unhandled C\+\+ exception: (?P<cause>\w+)", alone=True),
    _opener("watchdog", r"(?P<cause>Soft WDT reset)\s*$", alone=True),
)

STUBS = (
    _opener("assert", r"assert failed: (?P<function>[A-Za-z_]\w*?)(?:\b|(?=[EWIDV] \(\d+\) ))"),
    _opener("assert", r'assertion "'),
    _opener("abort", r"abort\(\) was"),
    _opener("esp_error_check", r"ESP_ERROR_CHECK failed:"),
    _opener("guru_meditation", r"Guru Medit"),
    _opener("stack_overflow", r"\*\*\*ERROR\*\*\* A st"),
    _opener("heap_corruption", r"CORRUPT HEAP:"),
)

# What comes with a panic but does not begin one.
REGISTER_DUMP = re.compile(r"^Core\s+\d register dump:")
SIGNS = {
    "backtrace": re.compile(rf"^Backtrace:\s?(?P<frames>(?:\s*{HEX}:{HEX})+)"),
    "elf_sha256": re.compile(r"^ELF file SHA256:\s+[0-9a-f]{9,}"),
    "rebooting": re.compile(r"^Rebooting(?: in \d+ seconds)?\.\.\.\s*$"),
    "halted": re.compile(r"^CPU halted\.\s*$"),
    "registers": REGISTER_DUMP,
    "stack_memory": re.compile(r"^(?:Stack memory:|>>>stack>>>)\s*$"),
    "mepc": re.compile(rf"^MEPC\s+:\s+{HEX}"),
    "epc": re.compile(rf"^epc1={HEX}"),
}
LAST_SIGNS = frozenset({"rebooting", "halted"})  # the block is over; firmware prints them on purpose too
DUMP_SIGNS = frozenset({"backtrace", "registers", "stack_memory", "mepc"})  # a watchdog's warning prints them too

# First words of everything above: cheap to look for in every line.
TRIGGERS = re.compile(
    rb"assert failed|ssertion \"|abort\(\) was|ESP_ERROR_CHECK failed|Guru Medit|\*\*\*ERROR\*\*\*|Stack smash"
    rb"|Stack canary|CORRUPT HEAP|Brownout det|Re-entered|Panic |Fatal exc|Exception \(|Undefined beh"
    rb"|User exc|Unhandled C|WDT reset"
    rb"|Backtrace:|ELF file SHA256:|Rebooting|CPU halted|register dump:|Stack memory:|>>>stack>>>|MEPC  |epc1="
    rb"|Task watchdog got"
)

DETAILS = (
    re.compile(r'^file: "(?P<file>[^"]+)" line (?P<line>\d+)'),
    re.compile(r"^func: (?P<function>\S.*?)\s*$"),
    re.compile(r"^expression: (?P<expression>.+?)\s*$"),
    re.compile(r": Assertion '(?P<expression>.+)' failed\.\s*$"),
    re.compile(r"Stack canary watchpoint triggered \((?P<task>[^)]+)\)"),
    re.compile(r'Detected in task "(?P<task>[^"]+)"'),
    re.compile(r"^Debug exception reason: (?P<cause>(?!Stack canary)\S.*?)\s*$"),
    re.compile(r"^Core\s+(?P<core>\d) register dump:"),
)
FRAMES = re.compile(rf"Backtrace:\s?(?P<frames>(?:\s*{HEX}:{HEX})+)")
FRAME = re.compile(rf"{HEX}:{HEX}")
REGISTERS = re.compile(rf"(?:^MEPC\s+:\s+(?P<mepc>{HEX})\s+RA\s+:\s+(?P<ra>{HEX}))|(?:^epc1=(?P<epc>{HEX}))")

# An ESP_LOG line, ESP-IDF's or Arduino's: a level letter, a time, a tag. What it quotes is told, not happening.
LOGGED = re.compile(r"^(?:[EWIDV] \(\d+(?:[:.]\d+)*\) [^:]+: |\[ *\d+\]\[[EWIDV]\]\[[^\]]*\] [\w:~]+\(\): )")
CORE_DUMP_LOG = re.compile(r"^[EWIDV] \(\d+\) esp_core_dump")
WATCHDOG_WARNING = re.compile(r"Task watchdog got triggered")
WATCHDOG_ABORTS = re.compile(r"task_wdt: Aborting\.")

# What stands before a line's own text: colours that lost their escape byte, and times that a monitor wrote there.
PREFIX = re.compile(
    r"^(?:\s+|\[[0-9;]{1,7}m|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?:?\s*"
    r"|\[?\d\d:\d\d:\d\d[.,:]\d+\]?\s*(?:->\s*)?)+"
)
