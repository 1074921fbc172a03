# SPDX-License-Identifier: Apache-2.0
"""report.html: one self-contained page with what results.json says, and links to the logs beside it."""

from __future__ import annotations

import html
from typing import Any

from ..results.summary import figure, short_id

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .7rem; vertical-align: top }
th { border-bottom: 2px solid #8892a0 } td { border-bottom: 1px solid #dde2e8 } td.n { text-align: right }
.passed, .pass { color: #14713a } .failed, .fail { color: #b3261e } .bench_error { color: #7a2e9e }
.not_run, .skipped { color: #8a6100 }
pre { white-space: pre-wrap; background: #f4f6f8; padding: .6rem; margin: .3rem 0 0 }
"""


def _row(test: dict[str, Any]) -> str:
    outcome = html.escape(str(test["outcome"]))
    logs = " ".join(
        f'<a href="{html.escape(log["path"])}">{html.escape(log["path"].rpartition("/")[2])}</a>'
        for log in test["logs"]
    )
    panics = "".join(f"<pre>{html.escape(str(panic.get('text') or panic['kind']))}</pre>" for panic in test["panics"])
    seen = f"<br>{html.escape(test['seen'])}" if test["seen"] else ""
    failure = f"<pre>{html.escape(test['failure'])}</pre>" if test["failure"] else ""
    numbers = (
        figure(test["stop_ms"], " ms"),
        figure(test["forced_count"]),
        figure(test["heap_gained"], " KB", 1024, 1),
        figure(test["ota_ms"], " ms"),
        figure(test["duration_s"], " s", digits=1),
    )
    cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
    return (
        f"<tr><td>{html.escape(short_id(test['id']))}{seen}{panics}{failure}</td><td>{html.escape(test['kind'])}</td>"
        f'<td class="{outcome}">{outcome}</td>{cells}<td>{logs}</td></tr>'
    )


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    run = results["run"]
    images = "".join(
        f"<tr><td>{html.escape(str(image['role']))}</td><td>{html.escape(str(image['version']))}</td>"
        f"<td><code>{html.escape(str(image['image_sha256']))}</code></td></tr>"
        for image in results["images"]
    )
    rows = "".join(_row(test) for test in results["tests"])
    verdict = html.escape(str(results["verdict"]))
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Run {html.escape(run["id"])}: {verdict}</title><style>{_STYLE}</style>
<h1>Run {html.escape(run["id"])}: <span class="{verdict}">{verdict}</span></h1>
<p>{html.escape(run["started"])}, {run["duration_s"]:.1f} s, on {html.escape(run["runner"])}</p>
<table><tr><th>test<th>kind<th>outcome<th>stop<th>forced<th>heap gained<th>OTA<th>took<th>logs</tr>{rows}</table>
<h2>Images</h2><table><tr><th>role<th>version<th>SHA-256 of the image</tr>{images}</table>
</html>
"""
