# SPDX-License-Identifier: Apache-2.0
"""report.html as a reader meets it: headless Chromium draws it, and what it shows is looked at.

Where Chromium is not installed these tests are not run; `make browser-test` installs it and runs them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from pytest_hil.report.page import page
from pytest_hil.results.history import History

from . import sample_run
from .test_report import hostile_run, page_of

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are not installed: run 'make browser-test'"
)
PATIENCE_S = 60.0  # a loaded machine may be slow; nothing waits longer than it must
OPENS_WITHIN_MS = 2000
LOADS = 6  # of which the fastest counts: the limit is the page's, not the machine's
SIZES = {"desktop": (1380, 1000), "laptop": (1280, 800), "phone": (390, 844)}
FLAGS = (
    "--headless",
    "--no-sandbox",  # CI runs as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# What is read.
READ = "h1, h2, small, .dim, .file, .o, .tag, .why, .seen, button, nav a, td, .story p, .console time, .hil, .panic"

Open = Callable[..., None]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def show(browser: webdriver.Chrome) -> Open:
    """Opens a file at a size and in a colour scheme."""

    def opened(path: Path, fragment: str = "", size: str = "desktop", scheme: str = "light") -> None:
        width, height = SIZES[size]
        device = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get("about:blank")
        said(browser)  # by an earlier page
        browser.get(path.as_uri() + fragment)

    return opened


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a failed test whose board panicked."""
    lines = sample_run.events()
    lines += [(5.0, "assert failed: lwip_netconn_do_writemore api_msg.c:1658 (x < y)"), (5.1, "Rebooting...")]
    panic = {"kind": "assert", "text": lines[-2][1], "at_line": len(lines) - 2, "function": "lwip_netconn_do_writemore"}
    panic["frames"] = [{"address": "0x1", "function": "poll_tcp", "file": "a/api_msg.c", "line": 365}]
    failed = {"outcome": "failed", "failure": "a panic: assert", "lines": lines, "panics": [panic]}
    changed: dict[int, dict[str, Any]] = {2: failed, 3: {"board": "cam-1"}}
    folder = sample_run.make_run(tmp_path, 30, changed)
    (folder / "sdkconfig-release").write_text("CONFIG_X=y\n")
    shaky = sample_run.record(3, outcome="failed", failure="waited 5.00 s of 5 s for event 'ready'; time is up")
    with History(tmp_path / "history.sqlite") as history:  # as many runs as the page draws
        for number in range(30):
            tests = [shaky if (i, number) == (3, 7) else sample_run.record(i) for i in range(30)]
            history.add(sample_run.results(tests, f"run-{number}"))
        history.add(json.loads((folder / "results.json").read_text()))
    (folder / "report.html").write_text(page_of(folder))
    return folder / "report.html"


def said(browser: webdriver.Chrome) -> list[str]:
    """Errors and warnings of the console; a breach of the content security policy is one."""
    log: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in log if entry["level"] in ("SEVERE", "WARNING")]


def one(browser: webdriver.Chrome, css: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, css)


def wait_drawn(browser: webdriver.Chrome, number: int) -> WebElement:
    WebDriverWait(browser, PATIENCE_S).until(
        lambda b: b.find_elements(By.CSS_SELECTOR, f"#t{number}[data-drawn] svg.time")
    )
    return one(browser, f"#t{number}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_drawn(browser: webdriver.Chrome, show: Open, run: Path, size: str, scheme: str) -> None:
    show(run, "#t2", size, scheme)
    test = wait_drawn(browser, 2)
    assert said(browser) == []
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= SIZES[size][0], "the page is wider than the screen"
    assert one(browser, "h1").text == "FAIL"
    time = test.find_element(By.CSS_SELECTOR, "svg.time")
    assert time.size["width"] > 250
    words = time.text
    for text in ("firmware", "stop :81", "mjpeg 0", "free heap", "trigger", "assert"):
        assert text in words, words
    background = one(browser, "body").value_of_css_property("background-color")
    assert (background == "rgba(15, 19, 25, 1)") == (scheme == "dark")
    assert one(browser, "#t2 .console .panic").text.endswith("(x < y)")
    assert "poll_tcp" in one(browser, "#t2 .story").text


def test_a_phone_clips_nothing_but_tables_of_many_columns(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    """And these are shaded where there is more."""
    show(run, size="phone")
    wider = browser.execute_script(
        "return [...document.querySelectorAll('body *')].filter((e) => e.scrollWidth > e.clientWidth + 1 && "
        "getComputedStyle(e).overflowX !== 'visible').map((e) => `${e.closest('[id]').id} ${e.className}`)"
    )
    assert set(wider) <= {"matrix scroll", "trends scroll"}
    heights = [row.size["height"] for row in browser.find_elements(By.CSS_SELECTOR, "#trends tr")]
    assert max(heights) < 80, "words are not squeezed"
    assert "no-repeat" in one(browser, "#matrix .scroll").value_of_css_property("background-repeat")
    for word in ("median", "p99"):
        assert word in one(browser, "#stops").text
    assert one(browser, "#stops .axis").size["width"] > 250


def test_the_matrix_of_these_scenarios_can_be_read(browser: webdriver.Chrome, show: Open, tmp_path: Path) -> None:
    """Of as many ways to stop as the scenarios of this repository try, and with what they see of them."""
    ways = (
        *(("graceful", mode, None) for mode in ("inline", "workers")),
        ("plain", "inline", "hung for 10 s, 200 frames went on"),
        ("kill_task", "inline", "panic in lwip_netconn_do_writemore"),
        *(("close_all", mode, None) for mode in ("inline", "workers")),
        ("close_recorded", "inline", "29218 bytes of video reached a stranger"),
    )
    changed: dict[int, dict[str, Any]] = {
        n: {"strategy": way, "stream_mode": mode, "seen": seen} for n, (way, mode, seen) in enumerate(ways)
    }
    changed[0]["streams"] = {"mjpeg": 2, "ws": 1, "idle": 1, "half_control": 1}
    for n in range(2, len(ways)):
        changed[n] |= {"kind": "observation", "stop_ms": None}
    folder = sample_run.make_run(tmp_path, len(ways), changed)
    (folder / "report.html").write_text(page_of(folder))
    show(folder / "report.html", size="laptop")
    wide, seen = browser.execute_script(
        "const e = document.querySelector('#matrix .scroll'); return [e.scrollWidth, e.clientWidth]"
    )
    assert wide <= seen
    for size in ("laptop", "phone"):
        show(folder / "report.html", size=size)
        heights = [row.size["height"] for row in browser.find_elements(By.CSS_SELECTOR, "#matrix tbody tr")]
        assert max(heights) < 80, "words are not broken up into letters"


def test_what_went_wrong_is_in_sight_when_a_test_is_opened(
    browser: webdriver.Chrome, show: Open, run: Path, tmp_path: Path
) -> None:
    script = """
        const [box, its] = [".console", arguments[0]].map((css) => document.querySelector(css).getBoundingClientRect());
        return its.top >= box.top && its.bottom <= box.bottom;
    """

    def in_sight(css: str) -> None:
        """Soon: a line gets its height when it comes into sight."""
        WebDriverWait(browser, PATIENCE_S).until(lambda b: b.execute_script(script, css))

    show(run, "#t2")
    wait_drawn(browser, 2)
    in_sight("#t2 .console .panic")
    folder = sample_run.make_run(tmp_path, 1, {0: {"outcome": "failed"}}, "hung")
    (folder / "report.html").write_text(page_of(folder))
    show(folder / "report.html", "#t0")
    wait_drawn(browser, 0)
    in_sight("#t0 .console li:last-child")


def test_contrast_is_enough_to_read(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    """WCAG AA asks for 4.5 between text and what lies under it."""
    script = """
        const luminance = (colour) => {
          const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).slice(0, 3).map((v) => {
            v /= 255;
            return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const under = (element) => {
          while (element) {
            const colour = getComputedStyle(element).backgroundColor;
            if (!/, 0\\)$/.test(colour)) return colour;
            element = element.parentElement;
          }
          return "rgb(255, 255, 255)";
        };
        return [...document.querySelectorAll(arguments[0])]
          .filter((element) => element.textContent.trim() && element.checkVisibility())
          .map((element) => {
            const pair = [luminance(getComputedStyle(element).color), luminance(under(element))];
            const [one, two] = pair.sort((a, b) => b - a);
            return [(one + 0.05) / (two + 0.05), `${element.className} ${element.textContent.slice(0, 30)}`];
          })
          .sort((a, b) => a[0] - b[0])[0];
    """
    for scheme in ("light", "dark"):
        show(run, "#t2", scheme=scheme)
        wait_drawn(browser, 2)
        least, where = browser.execute_script(script, READ)
        assert least >= 4.5, f"{scheme}: {least:.2f} at {where}"


def test_every_link_leads_somewhere(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    show(run)
    links = [link.get_dom_attribute("href") for link in browser.find_elements(By.CSS_SELECTOR, "a[href]")]
    assert len(links) > 60
    ids = {element.get_dom_attribute("id") for element in browser.find_elements(By.CSS_SELECTOR, "[id]")}
    for link in links:
        assert link is not None
        if link.startswith("#"):
            assert link[1:].partition(".")[0] in ids, link
        else:
            assert (run.parent / unquote(urlsplit(link).path)).is_file(), link


def test_matrix_leads_to_the_test(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    show(run)
    one(browser, "#matrix .o.failed").click()
    test = wait_drawn(browser, 2)
    assert test.get_dom_attribute("open") is not None
    assert browser.execute_script(
        "const r = arguments[0].getBoundingClientRect(); return r.top >= 0 && r.top < innerHeight", test
    )


def test_time_line_and_console_are_linked(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    show(run, "#t2")
    test = wait_drawn(browser, 2)

    def near() -> WebElement:
        return test.find_element(By.CSS_SELECTOR, ".console .near")

    browser.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))",
        one(browser, "#t2 .span.bad, #t2 .span.ota"),
    )
    assert '"ev":"ota_end"' in near().text
    cursor = one(browser, "#t2 .cursor")
    before = float(cursor.get_dom_attribute("x1") or 0)
    test.find_element(By.CSS_SELECTOR, ".console").send_keys(Keys.ARROW_UP, Keys.ARROW_UP)
    assert '"ev":"ota_progress"' in near().text
    assert float(cursor.get_dom_attribute("x1") or 0) < before
    one(browser, "#t2 .story a").click()  # the panic's line
    assert "assert failed" in near().text
    shown = browser.execute_script(
        "const l = arguments[0].getBoundingClientRect(), c = arguments[1].getBoundingClientRect();"
        "return l.top >= c.top - 1 && l.bottom <= c.bottom + 1",
        near(),
        test.find_element(By.CSS_SELECTOR, ".console"),
    )
    assert shown, "the line is out of sight"


def test_zoom_and_finding(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    show(run, "#t2")
    test = wait_drawn(browser, 2)
    button = {element.text: element for element in test.find_elements(By.CSS_SELECTOR, ".pane button")}

    def width() -> float:
        return float(one(browser, "#t2 .span.drain").size["width"])

    before = width()
    button["stop"].click()
    assert width() > 5 * before
    cursor = test.find_element(By.CSS_SELECTOR, "svg .cursor")
    assert cursor.get_dom_attribute("visibility") == "hidden", "the panic, where the test was opened, is elsewhere"
    test.find_element(By.CSS_SELECTOR, ".console .panic").click()
    assert width() == pytest.approx(before, abs=1), "a line outside is shown among all"
    button["stop"].click()
    button["all"].click()
    assert width() == pytest.approx(before, abs=1)
    test.find_element(By.CSS_SELECTOR, ".pane input").send_keys("PENDING_VERIFY")
    rows = test.find_elements(By.CSS_SELECTOR, ".console li")
    assert len([row for row in rows if row.is_displayed()]) == 1


def test_filters(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    show(run)

    def shown() -> int:
        return len([test for test in browser.find_elements(By.CSS_SELECTOR, ".test") if test.is_displayed()])

    assert shown() == 30
    one(browser, "#find").send_keys("panic")
    assert shown() == 1
    assert one(browser, "#shown").text == "1 of 30"
    one(browser, "#find").send_keys(Keys.CONTROL + "a", Keys.BACKSPACE)
    one(browser, '[data-only="passed"]').click()
    assert shown() == 29
    one(browser, "#board").send_keys("cam-1")
    faded = [
        mark
        for mark in browser.find_elements(By.CSS_SELECTOR, "#matrix .o")
        if "faded" in (mark.get_dom_attribute("class") or "")
    ]
    assert len(faded) == 29


def test_hostile_texts_do_nothing(browser: webdriver.Chrome, show: Open, tmp_path: Path) -> None:
    folder = hostile_run(tmp_path)
    (folder / "report.html").write_text(page_of(folder))
    show(folder / "report.html")
    count = len(browser.find_elements(By.CSS_SELECTOR, ".test"))
    for number in range(count):
        browser.execute_script(f"document.getElementById('t{number}').open = true")
        wait_drawn(browser, number)
    assert said(browser) == []
    assert browser.execute_script("return window.owned") is None
    assert browser.find_elements(By.CSS_SELECTOR, "img, iframe, object, embed") == []
    assert browser.execute_script("return document.querySelectorAll('script').length") == -(-count // 12) + 1
    requests = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert requests == [], "the page asked for something"


def test_the_policy_is_obeyed(browser: webdriver.Chrome, show: Open, run: Path) -> None:
    """What an injected script would do, if one got in after all."""
    text = run.read_text().replace(
        "</main>", "<script>window.owned = 1</script><img src='x' onerror='window.owned = 2'></main>"
    )
    run.write_text(text)
    show(run)
    assert browser.execute_script("return window.owned") is None
    assert any("Content Security Policy" in message for message in said(browser))


def test_two_thousand_tests_open_in_time(browser: webdriver.Chrome, show: Open, tmp_path: Path) -> None:
    """Prints the figures; pytest shows them with -rP."""
    failed = {i: {"outcome": "failed", "failure": "the stop took 4000 ms"} for i in range(0, 2000, 50)}
    folder = sample_run.make_run(tmp_path, 2000, failed)
    (folder / "report.html").write_text(page(json.loads((folder / "results.json").read_text()), folder))
    took: list[float] = []
    for _ in range(LOADS):
        show(folder / "report.html")
        took.append(browser.execute_script("return performance.getEntriesByType('navigation')[0].loadEventEnd"))
        if took[-1] < OPENS_WITHIN_MS:
            break
    assert min(took) < OPENS_WITHIN_MS, took
    size = (folder / "report.html").stat().st_size
    print(f"a page of 2,000 tests: {size / 1e6:.2f} MB, opened in {min(took):.0f} ms")  # noqa: T201
    assert len(browser.find_elements(By.CSS_SELECTOR, ".test")) == 2000
    browser.execute_script("location.hash = '#t1950'")
    wait_drawn(browser, 1950)
    assert said(browser) == []
