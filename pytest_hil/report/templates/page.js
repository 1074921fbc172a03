
"use strict";
/* Opens a test: unpacks its time line and console, draws them, and links the two by time. Everything from a board is
   set as text, never as markup. */
(() => {
  const TOGETHER = Number(document.currentScript.dataset.together);
  const SVG = "http://www.w3.org/2000/svg";
  const LANE = { spans: 24, rate: 34, line: 34 };
  const KNOWN = ["boot", "trial", "drain", "shutdown", "stop", "ota", "selftest", "bad"];

  const html = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const svg = (tag, attributes, text) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const seconds = (s, step = 0.001) => `${s.toFixed(step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3)} s`;

  /* ---- data */

  const pieces = new Map();
  const unpack = async (text) => {
    if (!text) return [];
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  const detailOf = async (number) => {
    const piece = Math.floor(number / TOGETHER);
    if (!pieces.has(piece)) pieces.set(piece, unpack(document.getElementById(`c${piece}`).textContent));
    return (await pieces.get(piece))[number % TOGETHER];
  };

  /* ---- the console */

  class ConsolePane {
    constructor(detail, onPick) {
      this.lines = [];
      this.onPick = onPick;
      this.list = html("ol", { className: "console", tabIndex: 0 });
      this.list.setAttribute("aria-label", "Console; arrow keys move the mark in the time line");
      const panics = new Set(detail.panics.map((panic) => panic.line));
      let at = 0;
      let next = 0;
      for (const [number, later, text] of detail.lines) {
        if (number > next) this.gap(number - next);
        next = number + 1;
        at += later / 1000;
        const level = /^(?:([EW]) \(|\[ *\d+\]\[([EW])\])/.exec(text);
        const style = panics.has(number) ? "panic" : text.includes("@hil {") ? "hil" : level ? level[1] || level[2] : "";
        const row = html("li", { className: style }, html("time", { textContent: at.toFixed(3) }), html("bdi", { textContent: text }));
        row.dataset.place = this.lines.length;
        this.list.append(row);
        this.lines.push({ number, at, row, text: text.toLowerCase() });
      }
      if (detail.all_lines > next) this.gap(detail.all_lines - next);
      this.find = html("input", { type: "search", placeholder: "find in the console" });
      this.find.setAttribute("aria-label", "Show only lines with this text");
      this.find.addEventListener("input", () => this.filter());
      this.events = html("button", { type: "button", textContent: "events" });
      this.events.setAttribute("aria-pressed", "false");
      this.events.addEventListener("click", () => {
        this.events.setAttribute("aria-pressed", this.events.getAttribute("aria-pressed") !== "true");
        this.filter();
      });
      const count = html("span", { className: "grow", textContent: `${detail.all_lines} lines` });
      this.node = html("div", { className: "pane" }, html("div", { className: "bar" }, count, this.events, this.find), this.list);
      if (!this.lines.length) {
        const why = detail.all_lines ? "The console is in console.log: this page holds those of other tests." : "There is no console.";
        this.list.replaceWith(html("p", { className: "note", textContent: why }));
      }
      this.list.addEventListener("click", (event) => {
        const row = event.target.closest("li[data-place]");
        if (row && !String(getSelection())) this.pick(Number(row.dataset.place));
      });
      this.list.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        let place = (this.near ?? -step) + step;
        while (this.lines[place] && this.lines[place].row.hidden) place += step;
        if (this.lines[place]) this.pick(place);
      });
    }
    gap(count) {
      this.list.append(html("li", { className: "gap", textContent: `… ${count} lines only in console.log …` }));
    }
    filter() {
      const wanted = this.find.value.toLowerCase();
      const events = this.events.getAttribute("aria-pressed") === "true";
      for (const { row, text } of this.lines) row.hidden = (wanted && !text.includes(wanted)) || (events && !text.includes("@hil {"));
    }
    pick(place) {
      this.show(place);
      this.onPick(this.lines[place].at);
    }
    show(place) {
      if (this.near !== undefined) this.lines[this.near].row.classList.remove("near");
      this.near = place;
      const row = this.lines[place].row;
      row.classList.add("near");
      this.bringIntoSight(place, 5);
    }
    /* Over some frames: lines that were never in sight have no height of their own until they are. */
    bringIntoSight(place, frames) {
      const box = this.list.getBoundingClientRect();
      const its = this.lines[place].row.getBoundingClientRect();
      if (its.top < box.top || its.bottom > box.bottom) this.list.scrollTop += its.top - box.top - box.height / 3;
      if (frames && this.near === place) requestAnimationFrame(() => this.bringIntoSight(place, frames - 1));
    }
    showTime(at) {
      let low = 0;
      let high = this.lines.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.lines[middle].at <= at + 0.0005) low = middle + 1;
        else high = middle;
      }
      if (this.lines.length) this.show(Math.max(low - 1, 0));
    }
    showEnd() {
      if (this.lines.length) this.show(this.lines.length - 1);
    }
    showLine(number) {
      let place = this.lines.findIndex((line) => line.number >= number);
      if (place < 0) place = this.lines.length - 1;
      if (place < 0) return undefined;
      this.show(place);
      return this.lines[place].at;
    }
  }

  /* ---- the time line */

  class TimePane {
    constructor(detail, onTime, onLine) {
      this.detail = detail;
      this.onTime = onTime;
      this.onLine = onLine;
      this.end = Math.max(detail.end, 0.01);
      this.window = [0, this.end];
      this.readout = html("span", { className: "grow readout" });
      this.bar = html("div", { className: "bar" }, this.readout);
      for (const [name, window] of this.views()) {
        const button = html("button", { type: "button", textContent: name });
        button.addEventListener("click", () => this.zoom(window));
        this.bar.append(button);
      }
      this.holder = html("div");
      this.node = html("div", { className: "pane" }, this.bar, this.holder);
      new ResizeObserver(() => this.draw()).observe(this.holder);
    }
    views() {
      const around = (spans) => {
        if (!spans.length) return undefined;
        const start = Math.min(...spans.map((span) => span[0]));
        const end = Math.max(...spans.map((span) => span[1]));
        const room = Math.max((end - start) * 0.15, 0.01);
        return [Math.max(start - room, 0), Math.min(end + room, this.end)];
      };
      const spans = (wanted) => this.detail.lanes.filter((lane) => lane.kind === "spans" && wanted(lane.name)).flatMap((lane) => lane.items);
      const found = [["all", [0, this.end]], ["stop", around(spans((name) => name.startsWith("stop")))], ["update", around(spans((name) => name === "update"))]];
      return found.filter(([, window]) => window);
    }
    zoom([start, end]) {
      this.window = [start, Math.max(end, start + 0.002)];
      this.draw();
    }
    x(at) {
      const [start, end] = this.window;
      return this.left + ((at - start) / (end - start)) * (this.width - this.left - 8);
    }
    time(x) {
      const [start, end] = this.window;
      const at = start + ((x - this.left) / (this.width - this.left - 8)) * (end - start);
      return Math.min(Math.max(at, start), end);
    }
    draw() {
      this.width = Math.floor(this.holder.clientWidth);
      if (!this.width) return;
      this.left = this.width < 480 ? 80 : 92;
      const marks = [...this.detail.marks, ...this.detail.panics.map((panic) => [panic.at, panic.what, "bad", panic.line])];
      marks.sort((a, b) => a[0] - b[0]);
      const rows = this.markRows(marks);
      this.top = 8 + rows.count * 13;
      const height = this.top + this.detail.lanes.reduce((sum, lane) => sum + LANE[lane.kind] + 4, 0) + 20;
      const drawing = svg("svg", { class: "time", height, viewBox: `0 0 ${this.width} ${height}`, role: "img", "aria-label": "Time line of this test" });
      this.grid(drawing, height);
      let y = this.top;
      let client = 0;
      for (const lane of this.detail.lanes) {
        const label = lane.name.length > 14 ? `${lane.name.slice(0, 13)}…` : lane.name;
        const note = this.note(lane);
        drawing.append(svg("text", { x: 8, y: y + LANE[lane.kind] / 2 + (note ? -1 : 4) }, label));
        if (note) drawing.append(svg("text", { class: "small", x: 8, y: y + LANE[lane.kind] / 2 + 10 }, note));
        if (lane.kind === "spans") this.spans(drawing, lane, y);
        else if (lane.kind === "rate") this.rate(drawing, lane, y, client++ % 6);
        else this.line(drawing, lane, y);
        y += LANE[lane.kind] + 4;
      }
      for (const mark of rows.placed) this.mark(drawing, mark, height);
      this.cursor = svg("line", { class: "cursor", y1: 0, y2: height - 16, visibility: "hidden" });
      this.pick = svg("rect", { class: "pick", y: 0, height: height - 16, visibility: "hidden" });
      drawing.append(this.pick, this.cursor);
      this.holder.replaceChildren(drawing);
      this.listen(drawing);
      if (this.at !== undefined) this.placeCursor();
    }
    note(lane) {
      if (lane.kind === "spans" || lane.top) return "";
      const values = lane.items.map((item) => (lane.kind === "rate" ? item : item[1]));
      const [least, most] = [Math.min(...values), Math.max(...values)];
      if (lane.kind === "rate") return most ? `up to ${most.toFixed(0)} ${lane.unit}` : "no frame";
      return least === most ? `${most.toFixed(0)} ${lane.unit}` : `${least.toFixed(0)}–${most.toFixed(0)} ${lane.unit}`;
    }
    markRows(marks) {
      const ends = [];
      const placed = [];
      for (const [at, text, style, line] of marks) {
        if (at < this.window[0] || at > this.window[1]) continue;
        const x = this.x(at);
        const short = text.length > 26 ? `${text.slice(0, 25)}…` : text;
        const size = short.length * 6 + 8;
        let start = Math.min(x + 3, this.width - size);
        let row = ends.findIndex((end) => end < start);
        if (row < 0 && ends.length < 4) row = ends.length;
        if (row >= 0) ends[row] = start + size;
        placed.push({ x, text: short, full: text, style, line, row, start });
      }
      return { count: Math.max(ends.length, 1), placed };
    }
    mark(drawing, { x, text, full, style, line, row, start }, height) {
      const stroke = svg("line", { class: `mark ${style}`, x1: x, x2: x, y1: row < 0 ? this.top : 4 + row * 13, y2: height - 16 });
      stroke.append(svg("title", {}, full));
      drawing.append(stroke);
      if (row < 0) return;
      const label = svg("text", { class: style, x: start, y: 14 + row * 13, cursor: "pointer" }, text);
      label.dataset.line = line;
      drawing.append(label);
    }
    grid(drawing, height) {
      const [start, end] = this.window;
      const least = ((end - start) * 62) / Math.max(this.width - this.left, 1);
      const power = 10 ** Math.floor(Math.log10(least));
      const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= least);
      for (let i = Math.ceil(start / step); i * step <= end + 1e-9; i++) {
        const x = this.x(i * step);
        drawing.append(svg("line", { class: "grid", x1: x, x2: x, y1: this.top - 4, y2: height - 16 }));
        if (x < this.width - 24) drawing.append(svg("text", { x, y: height - 4, "text-anchor": "middle" }, seconds(i * step, step)));
      }
    }
    spans(drawing, lane, y) {
      for (const [from, to, text, style, line] of lane.items) {
        const x = Math.max(this.x(from), this.left);
        const right = Math.min(this.x(to), this.width - 8);
        if (right < this.left || x > this.width - 8) continue;
        const wide = Math.max(right - x, 2);
        const box = svg("rect", { class: `span ${KNOWN.includes(style) ? style : "other"}`, x, y: y + 3, width: wide, height: LANE.spans - 6, rx: 2.5 });
        box.append(svg("title", {}, `${text} (${seconds(to - from)})`));
        box.dataset.line = line;
        drawing.append(box);
        const fits = Math.floor((wide - 8) / 5.6);
        if (fits > 2) drawing.append(svg("text", { class: "in", x: x + 4, y: y + 16 }, text.length > fits ? `${text.slice(0, fits - 1)}…` : text));
      }
    }
    rate(drawing, lane, y, colour) {
      const most = Math.max(...lane.items, 1);
      const base = y + LANE.rate - 3;
      const per = Math.max(1, Math.ceil(((this.window[1] - this.window[0]) / lane.bin) / (this.width / 2)));
      let path = "";
      let lastX = this.left;
      for (let i = 0; i < lane.items.length; i += per) {
        const some = lane.items.slice(i, i + per);
        const x1 = Math.min(Math.max(this.x(lane.began + i * lane.bin), this.left), this.width - 8);
        const until = Math.min(lane.began + (i + some.length) * lane.bin, lane.ended ?? Infinity);
        const x2 = Math.min(Math.max(this.x(until), this.left), this.width - 8);
        if (x2 <= x1) continue;
        const level = base - (some.reduce((sum, rate) => sum + rate, 0) / some.length / most) * (LANE.rate - 8);
        path += `${path ? "L" : "M"}${x1.toFixed(1)},${path ? level.toFixed(1) : base}${path ? "" : `L${x1.toFixed(1)},${level.toFixed(1)}`}L${x2.toFixed(1)},${level.toFixed(1)}`;
        lastX = x2;
      }
      if (path) drawing.append(svg("path", { class: `area k${colour}`, d: `${path}L${lastX.toFixed(1)},${base}` }));
      if (lane.ended !== null && lane.ended >= this.window[0] && lane.ended <= this.window[1]) {
        const x = this.x(lane.ended);
        drawing.append(svg("line", { class: "end", x1: x, x2: x, y1: y + 6, y2: base }));
        const before = x > this.width - 90;
        drawing.append(svg("text", { x: before ? x - 4 : x + 4, y: base - 2, "text-anchor": before ? "end" : "start" }, lane.how));
      }
    }
    line(drawing, lane, y) {
      const values = lane.items.map((item) => item[1]);
      const most = lane.top || Math.max(...values, 1);
      const base = y + LANE.line - 4;
      const level = (value) => base - (value / most) * (LANE.line - 10);
      const breaks = lane.breaks || [];
      let path = "";
      let previous = -1;
      for (const [at, value, line] of lane.items) {
        const anew = previous < 0 || breaks.some((boot) => boot > previous && boot <= line);
        path += `${anew ? "M" : "L"}${this.x(at).toFixed(1)},${level(value).toFixed(1)}`;
        previous = line;
      }
      const clip = svg("svg", { x: this.left, y: 0, width: this.width - this.left - 8, height: base + 6, viewBox: `${this.left} 0 ${this.width - this.left - 8} ${base + 6}` });
      clip.append(svg("path", { class: "curve", d: path }));
      if (lane.items.length < 60) for (const [at, value] of lane.items) clip.append(svg("circle", { class: "dot", cx: this.x(at), cy: level(value), r: 1.8 }));
      drawing.append(clip);
    }
    listen(drawing) {
      const at = (event) => this.time(event.clientX - drawing.getBoundingClientRect().left);
      let from;
      drawing.addEventListener("pointerdown", (event) => {
        if (event.button === 0 && event.pointerType === "mouse") from = event.clientX;
      });
      drawing.addEventListener("pointermove", (event) => {
        if (from === undefined || Math.abs(event.clientX - from) < 5) {
          if (event.pointerType === "mouse") this.setTime(at(event));
          return;
        }
        const left = drawing.getBoundingClientRect().left;
        const [a, b] = [from - left, event.clientX - left].sort((one, other) => one - other);
        for (const [name, value] of Object.entries({ x: a, width: b - a, visibility: "visible" })) this.pick.setAttribute(name, value);
      });
      drawing.addEventListener("pointerleave", () => { from = undefined; this.pick.setAttribute("visibility", "hidden"); });
      drawing.addEventListener("click", (event) => {
        const start = from;
        from = undefined;
        if (start !== undefined && Math.abs(event.clientX - start) >= 5) {
          const left = drawing.getBoundingClientRect().left;
          this.zoom([start - left, event.clientX - left].sort((a, b) => a - b).map((x) => this.time(x)));
          return;
        }
        const line = event.target.dataset && event.target.dataset.line;
        if (line !== undefined) this.onLine(Number(line));
        else {
          this.setTime(at(event));
          this.onTime(at(event));
        }
      });
      drawing.addEventListener("dblclick", () => this.zoom([0, this.end]));
    }
    setTime(at) {
      this.at = at;
      if (this.isShown(at)) this.placeCursor();
      else this.zoom([0, this.end]);
    }
    isShown(at) {
      return at >= this.window[0] && at <= this.window[1];
    }
    placeCursor() {
      if (!this.cursor) return;
      const x = this.x(this.at);
      this.cursor.setAttribute("x1", x);
      this.cursor.setAttribute("x2", x);
      this.cursor.setAttribute("visibility", this.isShown(this.at) ? "visible" : "hidden");
      this.readout.textContent = seconds(this.at);
    }
  }

  /* ---- a test */

  const opened = new Map();
  const open = async (test) => {
    const number = Number(test.id.slice(1));
    if (!opened.has(number)) {
      opened.set(number, detailOf(number).then((detail) => {
        const body = test.querySelector(".body");
        if (!detail) {
          body.append(html("p", { className: "note", textContent: "The page has no room for this test's time line; its logs are linked above." }));
          return undefined;
        }
        const lines = new ConsolePane(detail, (at) => time.setTime(at));
        const goTo = (line) => {
          const at = lines.showLine(line);
          if (at !== undefined) time.setTime(at);
        };
        const time = new TimePane(detail, (at) => lines.showTime(at), goTo);
        body.append(html("div", { className: "split" }, time.node, lines.node));
        test.dataset.drawn = "yes";
        if (detail.panics.length) goTo(detail.panics[0].line);
        else if (test.dataset.o !== "passed") lines.showEnd();
        return { goTo };
      }));
    }
    return opened.get(number);
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.matches(".test") && event.target.open) open(event.target);
  }, true);

  const follow = async () => {
    const match = /^#(t\d+)(?:\.(\d+))?$/.exec(location.hash);
    const test = match && document.getElementById(match[1]);
    if (!test) return;
    test.hidden = false;
    test.open = true;
    const view = await open(test);
    test.scrollIntoView({ block: "start" });
    if (view && match[2] !== undefined) view.goTo(Number(match[2]));
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#t"]');
    if (link && link.getAttribute("href") === location.hash) follow();
  });

  /* ---- what is shown */

  const tests = [...document.querySelectorAll(".test")];
  const find = document.getElementById("find");
  const only = [...document.querySelectorAll("[data-only]")];
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = only.filter((button) => button.getAttribute("aria-pressed") === "true").map((button) => button.dataset.only);
    let shown = 0;
    for (const test of tests) {
      const text = `${test.firstElementChild.textContent} ${test.dataset.b}`.toLowerCase();
      test.hidden = !words.every((word) => text.includes(word)) || (outcomes.length > 0 && !outcomes.includes(test.dataset.o));
      shown += !test.hidden;
    }
    document.getElementById("shown").textContent = shown === tests.length ? "" : `${shown} of ${tests.length}`;
  };
  find.addEventListener("input", filter);
  for (const button of only)
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      filter();
    });
  const board = document.getElementById("board");
  if (board)
    board.addEventListener("change", () => {
      for (const mark of document.querySelectorAll(".matrix .o")) mark.classList.toggle("faded", board.value !== "" && mark.dataset.board !== board.value);
    });
  follow();
})();
