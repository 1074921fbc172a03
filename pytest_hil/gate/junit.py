# SPDX-License-Identifier: Apache-2.0
"""The verdict as JUnit XML, for CI systems that show such files: a case a scenario, one for all else, one a limit."""

from __future__ import annotations

from collections import defaultdict
from xml.etree import ElementTree

from .explanation import figures
from .judge import Judged
from .reason import one_line


def junit(judged: Judged) -> bytes:
    verdict = judged.verdict
    scenarios = {*verdict.passed, *verdict.failed}
    against: dict[str, list[str]] = defaultdict(list)
    for reason in verdict.reasons:
        against[reason.about].append(one_line(reason.text))
    suite = ElementTree.Element("testsuite", name="hil gate")
    margins = {margin.what: margin for margin in verdict.margins if not margin.at_least}
    for name in (*sorted(scenarios), *margins, *sorted(against.keys() - scenarios - margins.keys()), "gate"):
        group = "scenario" if name in scenarios else "limit" if name in margins else "gate"
        case = ElementTree.SubElement(suite, "testcase", classname=f"gate.{group}", name=one_line(name))
        for text in against.get(name, ()):
            ElementTree.SubElement(case, "failure", message=text)
        if name == "gate" and not verdict.ships:
            ElementTree.SubElement(case, "failure", message="the image does not ship")
        if name in margins:
            limit, value, _ = figures(margins[name])
            ElementTree.SubElement(case, "system-out").text = f"{value}, {limit}"
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in suite)))
    ElementTree.indent(suite)
    written: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return written
