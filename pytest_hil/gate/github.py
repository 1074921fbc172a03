# SPDX-License-Identifier: Apache-2.0
"""The verdict for GitHub Actions: annotations as workflow commands, and a step summary in Markdown.

What a board or a test's name says can end neither: workflow commands are escaped as the runner's own toolkit does it,
and in Markdown everything that means something is written as an entity.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from .explanation import figures, summary
from .judge import Judged
from .reason import one_line

MOST_ANNOTATIONS = 10  # GitHub shows no more of one step
MOST_SUMMARY = 500_000  # characters of reasons in a summary, of which GitHub takes 1 MiB
_MARKDOWN = {ord(c): f"&#{ord(c)};" for c in "&<>|`*_[]\\@#:!~"}


def annotation_lines(judged: Judged) -> Iterator[str]:
    """One line each, for standard output."""
    reasons = judged.verdict.reasons
    if len(reasons) > MOST_ANNOTATIONS:
        shown = reasons[: MOST_ANNOTATIONS - 1]
        rest = [f"{len(reasons) - len(shown)} more reasons, in the step summary"]
    else:
        shown, rest = reasons, []
    for text in (*map(str, shown), *rest):
        yield f"::error title=hil gate::{_escaped(text)}"
    if not reasons:
        yield f"::notice title=hil gate::{_escaped(one_line(summary(judged)))}"


def step_summary(judged: Judged) -> str:
    verdict = judged.verdict
    lines = [f"## hil gate: {'PASS' if verdict.ships else 'FAIL'}", "", _text(summary(judged)), ""]
    lines += _listed([f"- {_text(str(reason))}" for reason in verdict.reasons])
    lines += ["", "| what | limit | is | margin | where |", "|---|---:|---:|---:|---|"]
    for margin in verdict.margins:
        cells = (margin.what, *figures(margin), margin.at)
        lines.append("| " + " | ".join(_text(cell) for cell in cells) + " |")
    lines += ["", "| image | target | SHA-256 |", "|---|---|---|"]
    lines += [f"| {_text(i.path.name)} | {_text(i.target)} | {i.file_sha256} |" for i in judged.images]
    return "\n".join(lines) + "\n"


def _listed(reasons: list[str]) -> list[str]:
    """As many as there is room for."""
    room = itertools.takewhile(lambda so_far: so_far <= MOST_SUMMARY, itertools.accumulate(map(len, reasons)))
    shown = sum(1 for _ in room)
    return reasons if shown == len(reasons) else [*reasons[:shown], f"- and {len(reasons) - shown} more"]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _text(text: str) -> str:
    return one_line(text).translate(_MARKDOWN)
