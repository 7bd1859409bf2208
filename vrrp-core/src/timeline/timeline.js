// Draws timelines of routers: what happened when, who was Master, who held each address, what clients noticed.
//
// VrrpTimeline.mount(root, timelines, options) fills an element of a page. A timeline is an object as `Timeline::to_json`
// writes it. What mount() returns has add(timeline, position): more of the same, for a page that is live. Options of such
// a page: `window`, how many nanoseconds before now it shows, and `keep`, how many things of a kind it keeps at most. Text from
// outside goes into the page as text only.
"use strict";
const VrrpTimeline = (() => {
  // ------------------------------------------------------------------------------------------------ what is known

  /** Things of a kind that are kept at most; older ones are dropped, and that is said. */
  const KEPT = 400_000;

  /** One timeline, from data that may come in pieces. */
  class Model {
    constructor(data, keep = KEPT) {
      this.keep = keep;
      this.title = "";
      this.passed = null;
      this.facts = [];
      this.wall = null;
      this.span = null;
      this.missing = 0;
      this.lanes = [];
      this.clients = [];
      this.states = [];
      this.held = [];
      this.advertisements = [];
      this.cuts = [];
      this.marks = [];
      this.outages = [];
      this.add(data);
    }

    /** Takes more. Lanes and clients are known by their names, so each piece may count its own from 0. */
    add(data) {
      const place = (list, item, same) => {
        const known = list.findIndex((other) => same(other, item));
        return known >= 0 ? known : list.push(item) - 1;
      };
      const lanes = (data.lanes ?? []).map((lane) =>
        place(this.lanes, lane, (a, b) => a.host === b.host && a.router === b.router));
      const clients = (data.clients ?? []).map((name) => place(this.clients, name, (a, b) => a === b));
      const known = (lane) => lanes[lane] !== undefined;
      this.title = data.title ?? this.title;
      this.passed = data.passed ?? this.passed;
      this.wall = data.wall ?? this.wall;
      this.missing += data.missing ?? 0;
      for (const [name, value] of data.facts ?? []) {
        const fact = this.facts.find((fact) => fact[0] === name);
        if (fact) fact[1] = value;
        else this.facts.push([name, value]);
      }
      for (const [at, lane, state, cause] of data.states ?? []) {
        if (known(lane)) this.states.push({ at, lane: lanes[lane], state, cause });
      }
      for (const [at, lane, address, holds] of data.held ?? []) {
        if (known(lane)) this.held.push({ at, lane: lanes[lane], address, holds: Boolean(holds) });
      }
      for (const [at, lane, priority, kind, to] of data.advertisements ?? []) {
        if (!known(lane)) continue;
        const fates = to.filter((fate) => known(fate[0])).map(([lane, fate, at, why]) => ({ lane: lanes[lane], fate, at, why }));
        this.advertisements.push({ at, lane: lanes[lane], priority, kind, to: fates });
      }
      for (const [at, from, to, cut] of data.cuts ?? []) {
        if (known(from) && known(to)) this.cuts.push({ at, from: lanes[from], to: lanes[to], cut: Boolean(cut) });
      }
      for (const [at, lane, kind, text] of data.marks ?? []) {
        if (lane === null || known(lane)) this.marks.push({ at, lane: lane === null ? null : lanes[lane], kind, text });
      }
      for (const [client, from, until, lost, reason] of data.outages ?? []) {
        if (clients[client] === undefined) continue;
        const open = this.outages.find((outage) => outage.client === clients[client] && outage.until === null && outage.at === from);
        if (open) Object.assign(open, { until, lost, reason });
        else this.outages.push({ client: clients[client], at: from, until, lost, reason });
      }
      if (data.span) this.span = this.span ? [Math.min(this.span[0], data.span[0]), Math.max(this.span[1], data.span[1])] : [...data.span];
      this.#order();
      this.#derive();
    }

    #order() {
      for (const list of [this.states, this.held, this.advertisements, this.cuts, this.marks, this.outages]) {
        if (list.some((item, index) => index > 0 && list[index - 1].at > item.at)) list.sort((a, b) => a.at - b.at);
        if (list.length > this.keep) {
          this.missing += list.length - this.keep;
          list.splice(0, list.length - this.keep);
          // What went before is not whole any more.
          if (this.span) this.span[0] = Math.max(this.span[0], list[0].at);
        }
      }
    }

    #derive() {
      const [, end] = this.span ?? [0, 0];
      this.groups = [];
      this.lanes.forEach((lane, index) => {
        let group = this.groups.find((group) => group.router === lane.router);
        if (!group) this.groups.push((group = { router: lane.router, lanes: [], addresses: [], takeovers: [] }));
        group.lanes.push(index);
      });
      const groupOf = (lane) => this.groups.find((group) => group.router === this.lanes[lane].router);

      this.stateSpans = this.lanes.map(() => []);
      let number = 0;
      for (const change of this.states) {
        const spans = this.stateSpans[change.lane];
        const last = spans.at(-1);
        if (last) {
          last.until = change.at;
          // What lasts for no time is no state.
          if (last.from === change.at) spans.pop();
        }
        spans.push({ from: change.at, until: end, lane: change.lane, state: change.state, cause: change.cause, number: number++ });
      }

      const addresses = new Map();
      for (const { at, lane, address, holds } of this.held) {
        let entry = addresses.get(address);
        if (!entry) {
          entry = { address, spans: [] };
          addresses.set(address, entry);
          groupOf(lane).addresses.push(entry);
        }
        const last = entry.spans.at(-1);
        const before = last?.holders ?? [];
        if (before.includes(lane) === holds && last) continue;
        const holders = holds ? [...before, lane] : before.filter((holder) => holder !== lane);
        if (last) last.until = at;
        entry.spans.push({ from: at, until: end, address, holders });
      }
      for (const entry of addresses.values()) entry.spans = entry.spans.filter((span) => span.until > span.from || span.until === end);

      const open = new Map();
      this.cutSpans = [];
      for (const { at, from, to, cut } of this.cuts) {
        const key = `${from} ${to}`;
        if (cut && !open.has(key)) {
          const span = { from: at, until: end, lane: from, to };
          open.set(key, span);
          this.cutSpans.push(span);
        } else if (!cut && open.has(key)) {
          open.get(key).until = at;
          open.delete(key);
        }
      }
      this.groups.forEach((group) => (group.takeovers = this.#takeovers(group)));
      // The moment from which times are counted: where the first thing broke.
      this.zero = this.marks.find((mark) => mark.kind === "broken")?.at ?? this.span?.[0] ?? 0;
    }

    /** As `Timeline::takeovers` has it. */
    #takeovers(group) {
      const words = new Map(group.lanes.map((lane) => [lane, []]));
      for (const sent of this.advertisements) if (sent.kind !== "forged") words.get(sent.lane)?.push(sent);
      const reaches = (sent, to) => {
        const fates = sent.to.filter(({ lane }) => lane === to);
        return fates.length === 0 || fates.some(({ fate }) => fate === "heard");
      };
      const mastery = new Map();
      const takeovers = [];
      const changes = group.lanes.flatMap((lane) => this.stateSpans[lane]).sort((a, b) => a.from - b.from || a.number - b.number);
      for (const { from: at, lane: to, state } of changes) {
        const was = mastery.get(to)?.is ?? false;
        const is = state === "master";
        if (is && !was) {
          let former = null;
          for (const [lane, { is, since }] of mastery) {
            const later = !former || Number(is) > Number(former.is) || (is === former.is && (since > former.since || (since === former.since && lane > former.lane)));
            if (lane !== to && later) former = { lane, is, since };
          }
          if (former) {
            const own = words.get(former.lane);
            let next = lowerBound(own, at);
            let last = next - 1;
            while (last >= 0 && !reaches(own[last], to)) last--;
            const changes = this.stateSpans[former.lane];
            const end = changes[lowerBound(changes, at, "from")]?.from ?? Infinity;
            while (next < own.length && (own[next].at === at || (own[next].kind !== "regular" && own[next].at < end))) next++;
            const stayed = former.is && next < own.length && own[next].at < end;
            takeovers.push({
              at, from: former.lane, to, lastWord: own[last]?.at ?? (former.is ? at : former.since),
              before: !former.is ? "gone" : stayed ? "stayed" : "yielded",
            });
          }
        }
        if (is !== was) mastery.set(to, { is, since: at });
      }
      return takeovers;
    }
  }

  // ------------------------------------------------------------------------------------------------ words

  const STATES = {
    master: "Master", backup: "Backup", initialize: "Initialize", fault: "Fault", down: "down", hung: "hangs", unknown: "not known",
  };
  const KINDS = {
    regular: "advertisement", release: "release", "hand-over": "call for another Master", "yield": "yield advertisement", forged: "forged advertisement",
  };
  const FATES = { heard: "heard", rejected: "rejected", unheard: "nobody listens", lost: "lost", cut: "cut off" };

  const whole = (number) => number.toLocaleString("en");

  /** A span of nanoseconds for people. */
  function span(nanos) {
    const millis = nanos / 1e6;
    if (millis < 1) return `${millis.toFixed(2)} ms`;
    if (millis < 1000) return `${millis.toFixed(1)} ms`;
    const seconds = millis / 1000;
    if (seconds < 120) return `${seconds.toFixed(3)} s`;
    const minutes = Math.floor(seconds / 60);
    return minutes < 120 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  function moment(model, at) {
    const since = (at - model.zero) / 1e9;
    const text = `${since < 0 ? "−" : ""}${Math.abs(since).toFixed(6)} s`;
    if (!model.wall) return text;
    const millis = model.wall[1] + (at - model.wall[0]) / 1e6;
    const day = new Date(millis);
    return Number.isNaN(day.getTime()) ? text : `${text} (${day.toISOString().replace("T", " ").replace("Z", " UTC")})`;
  }

  const laneName = (model, lane) => model.lanes[lane]?.host ?? "?";

  function holdersName(model, holders) {
    return holders.length === 0 ? "nobody" : holders.map((lane) => laneName(model, lane)).join(" and ");
  }

  const describe = {
    state: (model, item) =>
      `${laneName(model, item.lane)}: ${STATES[item.state] ?? item.state}${item.cause ? `, ${item.cause}` : ""}`,
    held: (model, item) => `${item.address} is on ${holdersName(model, item.holders)}`,
    cut: (model, item) => `nothing gets from ${laneName(model, item.lane)} to ${laneName(model, item.to)}`,
    mark: (model, item) => (item.lane === null ? item.text : `${laneName(model, item.lane)}: ${item.text}`),
    outage: (model, item) =>
      `${model.clients[item.client]}: no answer, ${whole(item.lost)} request${item.lost === 1 ? "" : "s"} lost${item.reason ? `: ${item.reason}` : ""}`,
    advertisement: (model, item) => {
      const fates = item.to.map(({ lane, fate, why }) => `${laneName(model, lane)}: ${FATES[fate] ?? fate}${why ? ` (${why})` : ""}`);
      const end = fates.length > 0 ? ` (${fates.join("; ")})` : "";
      return `${laneName(model, item.lane)}: ${KINDS[item.kind] ?? item.kind} at priority ${item.priority}${end}`;
    },
    takeover: (model, item) => {
      const [from, to] = [laneName(model, item.from), laneName(model, item.to)];
      if (item.before === "yielded") return `${to} is Master while ${from} still is: no gap`;
      if (item.before === "stayed") return `${to} is Master too, ${span(item.at - item.lastWord)} after the last advertisement of ${from} that it heard`;
      return `${to} took over from ${from}: ${span(item.at - item.lastWord)} from the last advertisement of the one to the first of the other`;
    },
  };

  // ------------------------------------------------------------------------------------------------ elements

  const SVG = "http://www.w3.org/2000/svg";

  function svg(parent, name, attributes = {}, text = undefined) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  function html(parent, name, attributes = {}, text = undefined) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  const ruler = document.createElement("canvas").getContext("2d");
  const widths = new Map();

  function textWidth(text, bold = false) {
    const key = bold ? `b${text}` : text;
    let width = widths.get(key);
    if (width === undefined) {
      ruler.font = `${bold ? "600 " : ""}12px system-ui, sans-serif`;
      width = ruler.measureText(text).width;
      if (widths.size < 5000) widths.set(key, width);
    }
    return width;
  }

  /** The text, or as much of it as there is room for; nothing where that is less than four letters. */
  function fit(text, room, bold = false) {
    if (textWidth(text, bold) <= room) return text;
    let [low, high] = [0, text.length];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (textWidth(`${text.slice(0, middle)}…`, bold) <= room) low = middle;
      else high = middle - 1;
    }
    return low >= 4 ? `${text.slice(0, low).trimEnd()}…` : "";
  }

  // ------------------------------------------------------------------------------------------------ the picture

  /** Arrows that are drawn at most; where there are more, one stands for several. */
  const ARROWS = 1500;
  /** Spans of one row that are drawn at most. */
  const NARROWEST = 1;
  const BAR = 22;
  const GAP = 30;
  let pictures = 0;

  /** Draws a model from `t0` to `t1` into an SVG element. Returns what was drawn as text for people. */
  function draw(picture, model, { width, t0, t1, filter }) {
    picture.replaceChildren();
    const id = `p${++pictures}`;
    const narrow = width < 640;
    const left = narrow ? 2 : Math.min(220, 26 + Math.max(70, ...model.lanes.map((lane) => textWidth(lane.host)), ...model.clients.map((name) => textWidth(name)),
      ...model.groups.map((group) => textWidth(group.router, true)), ...model.groups.flatMap((group) => group.addresses.map(({ address }) => textWidth(address)))));
    const right = width - 12;
    const scale = (right - left) / Math.max(t1 - t0, 1);
    const x = (at) => left + (at - t0) * scale;
    const inside = (at) => Math.min(Math.max(x(at), left), right);
    const visible = (from, until) => until >= t0 && from <= t1;
    const matches = (text) => filter.text === "" || text.toLowerCase().includes(filter.text);
    const report = { advertisements: 0, grouped: false, crowded: false, matched: 0 };

    const defs = svg(picture, "defs");
    hatch(defs, `${id}-fault`, "fault-lines");
    hatch(defs, `${id}-cut`, "cut-lines");
    hatch(defs, `${id}-both`, "both-lines");
    const clip = svg(svg(defs, "clipPath", { id: `${id}-plot` }), "rect", { x: left, y: 0, width: Math.max(right - left, 0) });
    const grid = svg(picture, "g");
    const bands = svg(picture, "g", { "clip-path": `url(#${id}-plot)` });
    const lines = svg(picture, "g", { "clip-path": `url(#${id}-plot)` });
    const bars = svg(picture, "g");
    const arrows = svg(picture, "g", { "clip-path": `url(#${id}-plot)` });
    const inscriptions = svg(picture, "g");
    const labels = svg(picture, "g");

    /** An item that can be pointed at; faded if the text that is looked for is not in it. */
    const tip = (element, kind, item, extra = "") => {
      const text = describe[kind](model, item) + extra;
      element.tip = { at: item.at ?? item.from, until: item.until, text };
      if (matches(text)) report.matched++;
      else {
        element.classList.add("faded");
        element.inscription?.classList.add("faded");
      }
      return element;
    };
    const rowLabel = (y, text, style = "lane") => {
      if (narrow) {
        svg(labels, "text", { x: left, y: y + 11, class: style }, fit(text, right - left));
        return 15;
      }
      svg(labels, "text", { x: left - 10, y: y + 15, class: style, "text-anchor": "end" }, fit(text, left - 12, style === "router"));
      return 0;
    };
    /** One bar of a row, with as much of its texts as there is room for. */
    const bar = (y, height, from, until, style, texts, fill) => {
      const [x0, x1] = [inside(from), inside(until)];
      const attributes = { x: x0, y, width: Math.max(x1 - x0, 0.75), height, class: `bar ${style}` };
      if (fill) attributes.style = `fill:url(#${id}-${fill})`;
      const group = svg(bars, "g");
      svg(group, "rect", attributes);
      const text = texts.find((text) => textWidth(text, true) + 12 <= x1 - x0) ?? (/^\d/.test(texts.at(-1)) ? "" : fit(texts.at(-1), x1 - x0 - 12, true));
      if (text) {
        if (fill) svg(inscriptions, "rect", { x: x0 + 3, y: y + 2.5, width: textWidth(text, true) + 6, height: height - 5, rx: 2, class: "plate" });
        group.inscription = svg(inscriptions, "text", { x: x0 + 6, y: y + height / 2 + 4, class: `on ${style}` }, text);
      }
      return group;
    };
    /** Spans of one row; those too narrow to see are drawn as one. */
    const row = (spans, drawOne, y, height) => {
      let crowd = null;
      const flush = () => {
        if (crowd && crowd.spans.length === 1) drawOne(crowd.spans[0]);
        else if (crowd) {
          const element = bar(y, height, crowd.spans[0].from, crowd.spans.at(-1).until, "crowd", [`${whole(crowd.spans.length)} changes`], "both");
          report.crowded = true;
          element.tip = { at: crowd.spans[0].from, until: crowd.spans.at(-1).until, text: `${whole(crowd.spans.length)} changes: zoom in to see each` };
        }
        crowd = null;
      };
      for (const item of spans) {
        if (!visible(item.from, item.until)) continue;
        if ((item.until - item.from) * scale >= NARROWEST) {
          flush();
          drawOne(item);
        } else if (crowd && x(item.from) - x(crowd.spans.at(-1).until) <= 1) crowd.spans.push(item);
        else {
          flush();
          crowd = { spans: [item] };
        }
      }
      flush();
    };

    // Time goes along the top.
    let y = 20;
    const ticks = axis(model, t0, t1, (right - left) / (narrow ? 70 : 90));
    // Flags of what was broken and mended stand below it, each where it meets no other.
    const flags = model.marks.filter((mark) => filter.kinds.has("marks") && visible(mark.at, mark.at) && mark.kind !== "note" && shows(model, filter, mark.lane));
    const levels = [[], [], []];
    let deepest = -1;
    const drawFlags = [];
    const columns = new Set();
    for (const mark of flags) {
      const text = fit(describe.mark(model, mark), Math.min(320, right - left - 10), true);
      const long = textWidth(text, true) + 12;
      const start = Math.max(left, Math.min(x(mark.at), right - long));
      const level = levels.findIndex((level) => level.every(([from, until]) => start > until || start + long < from));
      if (level >= 0) {
        levels[level].push([start, start + long]);
        deepest = Math.max(deepest, level);
      } else {
        const column = Math.floor(x(mark.at) / 2);
        report.crowded ||= columns.has(column);
        if (columns.has(column)) continue;
        columns.add(column);
      }
      drawFlags.push({ mark, text, start, long, level });
    }
    const flagTop = y + 4;
    y += deepest >= 0 ? 6 + (deepest + 1) * 19 : 0;
    const top = y;

    const middle = new Map();
    for (const group of model.groups) {
      const shown = group.lanes.filter((lane) => shows(model, filter, lane));
      if (shown.length === 0) continue;
      y += 10;
      const groupTop = y;
      const labelY = narrow ? y + 17 : y;
      svg(labels, "text", { x: narrow ? left : left - 10, y: y + 13, class: "router", "text-anchor": narrow ? "start" : "end" },
        fit(group.router, (narrow ? right : left) - 12, true));
      y = labelY + 22;
      const barsTop = y;
      shown.forEach((lane, index) => {
        y += rowLabel(y, model.lanes[lane].host);
        middle.set(lane, [y, y + BAR]);
        if (filter.kinds.has("states")) {
          row(model.stateSpans[lane], (item) => {
            const word = STATES[item.state] ?? item.state;
            const element = bar(y, BAR, item.from, item.until, `state-${item.state}`, [item.cause ? `${word}: ${item.cause}` : word, word], item.state === "fault" ? "fault" : undefined);
            tip(element, "state", item);
          }, y, BAR);
        }
        y += BAR;
        if (filter.kinds.has("cuts")) {
          const cuts = model.cutSpans.filter((cut) => cut.lane === lane && visible(cut.from, cut.until));
          if (cuts.length > 0) {
            for (const cut of cuts) tip(bar(y + 1, 6, cut.from, cut.until, "cut", [""], "cut"), "cut", cut);
            y += 6;
          }
        }
        y += index + 1 < shown.length ? GAP : 8;
      });
      if (filter.kinds.has("addresses")) {
        for (const entry of group.addresses) {
          y += rowLabel(y, entry.address, "address");
          row(entry.spans, (item) => {
            const { holders } = item;
            const style = holders.length === 0 ? "nobody" : holders.length > 1 ? "both" : `holder-${group.lanes.indexOf(holders[0]) % 4}`;
            const name = holdersName(model, holders);
            const long = span(item.until - item.from);
            const texts = holders.length === 0 ? [`nobody for ${long}`, "nobody"] : holders.length > 1 ? [`on ${name} for ${long}`, `on ${name}`, "both"] : [`on ${name}`, name];
            tip(bar(y + 1, 18, item.from, item.until, style, texts, holders.length > 1 ? "both" : undefined), "held", item);
          }, y + 1, 18);
          y += 23;
        }
      }
      takeoverBands(group, groupTop, labelY, barsTop, y);
      y += 6;
    }
    if (filter.kinds.has("clients") && model.clients.length > 0) {
      y += 10;
      svg(labels, "text", { x: narrow ? left : left - 10, y: y + 13, class: "router", "text-anchor": narrow ? "start" : "end" }, "clients");
      y += narrow ? 20 : 18;
      model.clients.forEach((name, client) => {
        y += rowLabel(y, name, "address");
        svg(bars, "line", { x1: left, x2: right, y1: y + 10, y2: y + 10, class: "served" });
        const outages = model.outages.filter((outage) => outage.client === client).map((outage) => ({ ...outage, from: outage.at, until: outage.until ?? model.span[1], open: outage.until === null }));
        row(outages, (item) => {
          const long = span(item.until - item.from);
          tip(bar(y + 1, 18, item.from, item.until, "outage", [`no answer for ${item.open ? "more than " : ""}${long}`, long, `${((item.until - item.from) / 1e9).toFixed(1)} s`]), "outage", item);
        }, y + 1, 18);
        y += 23;
      });
    }
    const bottom = y + 4;
    clip.setAttribute("height", bottom);

    for (const { at, text } of ticks) {
      const zero = at === model.zero;
      svg(grid, "line", { x1: x(at), x2: x(at), y1: 18, y2: bottom, class: zero ? "tick zero" : "tick" });
      svg(grid, "text", { x: Math.min(Math.max(x(at), left + textWidth(text) / 2), right - textWidth(text) / 2 + 8), y: 13, class: "time", "text-anchor": "middle" }, text);
    }
    for (const { mark, text, start, long, level } of drawFlags) {
      svg(lines, "line", { x1: x(mark.at), x2: x(mark.at), y1: level >= 0 ? flagTop + level * 19 + 17 : top, y2: bottom, class: `mark ${mark.kind}` });
      if (level < 0) {
        tip(svg(labels, "circle", { cx: x(mark.at), cy: top, r: 4, class: `flag ${mark.kind}` }), "mark", mark);
        continue;
      }
      const flag = svg(labels, "g");
      svg(flag, "rect", { x: start, y: flagTop + level * 19, width: long, height: 17, rx: 2, class: `flag ${mark.kind}` });
      svg(flag, "text", { x: start + 6, y: flagTop + level * 19 + 13, class: `flag-text ${mark.kind}` }, text);
      tip(flag, "mark", mark);
    }
    if (filter.kinds.has("marks")) {
      const last = new Map();
      for (const mark of model.marks) {
        if (mark.kind !== "note" || !visible(mark.at, mark.at) || !shows(model, filter, mark.lane)) continue;
        const cy = middle.get(mark.lane)?.[0] ?? top;
        const near = last.get(cy);
        if (near && x(mark.at) - near.x < 1) {
          near.element.tip.text += near.tips++ < 20 ? `; ${describe.mark(model, mark)}` : "";
          report.crowded ||= near.tips > 20;
          continue;
        }
        const element = tip(svg(labels, "path", { d: `M${x(mark.at)},${cy}l-4,-6h8z`, class: "note" }), "mark", mark);
        last.set(cy, { x: x(mark.at), element, tips: 1 });
      }
    }
    if (filter.kinds.has("advertisements")) drawArrows();
    picture.setAttribute("viewBox", `0 0 ${width} ${bottom}`);
    picture.setAttribute("width", width);
    picture.setAttribute("height", bottom);
    return report;

    function takeoverBands(group, groupTop, labelY, barsTop, groupBottom) {
      const taken = [];
      const columns = new Set();
      for (const item of group.takeovers) {
        if (!visible(item.lastWord, item.at) || !filter.kinds.has("takeovers")) continue;
        const [x0, x1] = [x(item.lastWord), x(item.at)];
        if (x1 - x0 < 4) {
          const column = Math.floor(x1 / 4);
          if (columns.has(column)) {
            report.crowded = true;
            continue;
          }
          columns.add(column);
        }
        const inTurn = item.before === "yielded";
        const took = span(item.at - item.lastWord);
        const text = inTurn ? `to ${laneName(model, item.to)}, no gap` : item.before === "stayed" ? `second Master after ${took}` : `takeover ${took}`;
        const long = textWidth(text, true);
        const centre = inTurn ? x1 : (Math.max(x0, left) + Math.min(x1, right)) / 2;
        const start = Math.min(Math.max(centre - long / 2, left), right - long);
        const free = taken.every(([from, until]) => start > until + 8 || start + long + 8 < from);
        const mark = svg(bands, "g");
        if (!inTurn) {
          svg(mark, "rect", { x: x0, y: barsTop - 4, width: Math.max(x1 - x0, 1), height: groupBottom - barsTop + 4, class: "band" });
          svg(mark, "path", { d: `M${x0},${barsTop - 1}v-5H${x1}v5`, class: "bracket" });
        } else svg(mark, "path", { d: `M${x1},${barsTop - 1}l-4,-6h8z`, class: "in-turn" });
        tip(mark, "takeover", item);
        if (!free) continue;
        taken.push([start, start + long]);
        tip(svg(labels, "text", { x: start, y: labelY + 12, class: inTurn ? "takeover in-turn" : "takeover" }, text), "takeover", item);
      }
    }

    function drawArrows() {
      const list = model.advertisements;
      const [first, last] = [lowerBound(list, t0), lowerBound(list, t1 + 1)];
      const one = (sent) => middle.has(sent.lane);
      for (let step = 3; ; step *= 2) {
        const found = new Map();
        let size = 0;
        report.advertisements = 0;
        for (let index = first; index < last; index++) {
          const sent = list[index];
          if (!one(sent)) continue;
          report.advertisements++;
          const column = Math.floor((sent.at - t0) * scale / step);
          const targets = sent.to.filter(({ lane }) => middle.has(lane));
          for (const target of targets.length > 0 ? targets : [{ lane: sent.lane, fate: "sent" }]) {
            const key = `${sent.lane} ${target.lane} ${target.fate} ${sent.kind === "regular" ? "" : sent.kind} ${step > 3 || last - first > ARROWS ? column : index}`;
            const known = found.get(key);
            if (known) known.count++;
            else {
              found.set(key, { sent, target, count: 1 });
              size++;
            }
          }
          if (size > ARROWS && step < 4096) break;
        }
        if (size > ARROWS && step < 4096) continue;
        // What did not arrive lies on top, so that nothing hides it.
        const rank = ({ target }) => Number(target.fate !== "heard");
        for (const arrow of [...found.values()].sort((a, b) => rank(a) - rank(b))) report.grouped = drawArrow(arrow) || report.grouped;
        return;
      }
    }

    function drawArrow({ sent, target, count }) {
      const [fromTop, fromBottom] = middle.get(sent.lane);
      const [toTop, toBottom] = middle.get(target.lane);
      const [x0, x1] = [x(sent.at), x(target.at ?? sent.at)];
      const style = `arrow ${target.fate} kind-${sent.kind}${count > 1 ? " several" : ""}`;
      const group = svg(arrows, "g", { class: style });
      const below = target.lane === sent.lane || toTop > fromTop;
      svg(group, "line", { x1: x0, x2: x0, y1: below ? fromBottom - 6 : fromTop, y2: below ? fromBottom : fromTop + 6, class: "sent" });
      if (target.lane !== sent.lane) {
        const down = toTop > fromTop;
        const [y0, y1] = down ? [fromBottom, toTop] : [fromTop, toBottom];
        const sign = down ? 1 : -1;
        const part = { lost: 0.62, cut: 0.42 }[target.fate] ?? 1;
        const [xe, ye] = [x0 + (x1 - x0) * part, y0 + (y1 - y0) * part];
        svg(group, "line", { x1: x0, y1: y0, x2: xe, y2: ye, class: "way" });
        if (target.fate === "lost") svg(group, "path", { d: `M${xe - 4},${ye - 4}l8,8m0,-8l-8,8`, class: "end" });
        else if (target.fate === "cut") svg(group, "path", { d: `M${xe - 6},${ye}h12`, class: "end" });
        else if (target.fate === "unheard") svg(group, "circle", { cx: xe, cy: ye - 3 * sign, r: 2.5, class: "end" });
        else svg(group, "path", { d: `M${xe},${ye}l-3.5,${-7 * sign}h7z`, class: "end" });
        svg(group, "line", { x1: x0, y1: y0, x2: x1, y2: y1, class: "hit" });
      }
      tip(group, "advertisement", sent, count > 1 ? `, and ${whole(count - 1)} more like it close by: zoom in to see each` : "");
      return count > 1;
    }
  }

  function hatch(defs, id, style) {
    const pattern = svg(defs, "pattern", { id, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    svg(pattern, "rect", { width: 7, height: 7, class: `${style}-ground` });
    svg(pattern, "rect", { width: 3, height: 7, class: style });
  }

  function shows(model, filter, lane) {
    if (lane === null) return true;
    const { host, router } = model.lanes[lane];
    return !filter.hidden.has(`host ${host}`) && !filter.hidden.has(`router ${router}`);
  }

  /** The position of the first item at or after a moment. */
  function lowerBound(list, at, key = "at") {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle][key] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Moments for the scale, about `count` of them. */
  function axis(model, t0, t1, count) {
    const rough = (t1 - t0) / Math.max(count, 2);
    const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
    let step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough) ?? power * 10;
    if (step > 1e10) step = [15e9, 30e9, 60e9, 300e9, 600e9, 1800e9, 3600e9, 6 * 3600e9, 24 * 3600e9].find((long) => long >= rough) ?? Math.ceil(rough / 864e11) * 864e11;
    const ticks = [];
    for (let index = Math.ceil((t0 - model.zero) / step); model.zero + index * step <= t1 && ticks.length < 200; index++) {
      const nanos = index * step;
      const [value, unit, digits] =
        step >= 60e9 ? [nanos / 60e9, "min", 0]
          : step >= 1e9 ? [nanos / 1e9, "s", 0]
            : step >= 1e6 && t1 - t0 > 1e9 ? [nanos / 1e9, "s", Math.max(0, 9 - Math.floor(Math.log10(step)))]
              : step >= 1e3 ? [nanos / 1e6, "ms", Math.max(0, 6 - Math.floor(Math.log10(step)))] : [nanos / 1e3, "µs", Math.max(0, 3 - Math.floor(Math.log10(step)))];
      ticks.push({ at: model.zero + nanos, text: index === 0 ? "0" : `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(digits)} ${unit}` });
    }
    return ticks;
  }

  // ------------------------------------------------------------------------------------------------ the page

  const LAYERS = [
    ["states", "states"], ["advertisements", "advertisements"], ["cuts", "cuts"], ["addresses", "addresses"],
    ["clients", "clients"], ["takeovers", "takeovers"], ["marks", "marks"],
  ];
  /** Rows of the table at most. */
  const ROWS = 250;
  /** The shortest time that can be looked at, in nanoseconds. */
  const SHORTEST = 1000;

  /** One timeline with its tools. */
  class View {
    constructor(root, model, window) {
      this.model = model;
      /** How much of it is shown of something that goes on, in nanoseconds. */
      this.window = window;
      this.filter = { kinds: new Set(LAYERS.map(([name]) => name)), hidden: new Set(), text: "" };
      this.follows = true;
      this.root = html(root, "section", { class: "timeline" });
      const heading = html(this.root, "div", { class: "heading" });
      this.heading = html(heading, "h2");
      this.verdict = html(heading, "span");
      this.cards = html(this.root, "dl", { class: "cards" });
      this.#tools();
      this.figure = html(this.root, "div", { class: "figure", tabindex: "0", role: "application", "aria-roledescription": "timeline" });
      this.picture = svg(this.figure, "svg", { role: "img" });
      this.tooltip = html(this.root, "div", { class: "tip", role: "status", "aria-live": "polite", hidden: "" });
      this.status = html(this.root, "p", { class: "status", role: "status" });
      this.hint = html(this.root, "p", { class: "hint" });
      legend(this.root);
      this.#filters();
      this.#table();
      this.#pointer();
      this.#keys();
      this.observer = new ResizeObserver(() => this.later());
      this.observer.observe(this.figure);
      if (this.window) this.live();
      else this.all();
    }

    /** Shows all of it. */
    all() {
      const [from, until] = this.model.span ?? [0, 1];
      const margin = Math.max((until - from) * 0.01, 1000);
      [this.t0, this.t1] = [from - margin, until + margin];
      this.follows = true;
      this.isLive = false;
      this.later();
    }

    /** Shows the newest, and goes on with it. */
    live() {
      const [, until] = this.model.span ?? [0, 1];
      [this.t0, this.t1] = [until - this.window, until + this.window * 0.01];
      this.follows = true;
      this.isLive = true;
      this.later();
    }

    /** Goes nearer (factor below 1) or away, with one moment where it is. */
    zoom(factor, about = (this.t0 + this.t1) / 2) {
      const [from, until] = this.model.span ?? [0, 1];
      const most = (until - from) * 1.04 + 2000;
      const size = Math.min(Math.max((this.t1 - this.t0) * factor, SHORTEST), most);
      const share = (about - this.t0) / (this.t1 - this.t0);
      this.t0 = about - size * share;
      this.t1 = this.t0 + size;
      this.follows = false;
      this.#clamp();
      this.later();
    }

    pan(nanos) {
      this.t0 += nanos;
      this.t1 += nanos;
      this.follows = false;
      this.#clamp();
      this.later();
    }

    /** Something more was added. */
    grew() {
      if (this.follows) {
        if (this.isLive) this.live();
        else this.all();
      }
      this.#choices();
      this.later();
    }

    later() {
      if (this.waits) return;
      this.waits = requestAnimationFrame(() => {
        this.waits = 0;
        this.render();
      });
    }

    render() {
      const { model, filter } = this;
      this.heading.textContent = model.title;
      this.verdict.className = model.passed === null ? "" : model.passed ? "verdict good" : "verdict bad";
      this.verdict.textContent = model.passed === null ? "" : model.passed ? "✓ passed" : "✗ failed";
      this.#fillCards();
      const width = Math.max(this.figure.clientWidth, 280);
      const report = draw(this.picture, model, { width, t0: this.t0, t1: this.t1, filter });
      const shown = `${span(Math.min(this.t1, model.span[1]) - Math.max(this.t0, model.span[0]))} of ${span(model.span[1] - model.span[0])} in view, ${whole(report.advertisements)} advertisement${report.advertisements === 1 ? "" : "s"}`;
      const parts = [shown];
      if (report.grouped) parts.push("one arrow stands for several: zoom in to see each");
      if (report.crowded) parts.push("much changes at once, and not all of it is drawn: zoom in");
      if (filter.text) parts.push(`${whole(report.matched)} match “${filter.text}”`);
      if (model.missing > 0) parts.push(`${whole(model.missing)} older things were not kept`);
      this.status.textContent = `${parts.join("; ")}.`;
      this.picture.setAttribute("aria-label", `${model.title}. ${this.headlines.join(". ")}`);
      this.hint.textContent = this.#tall()
        ? "Ctrl and wheel, pinch, + and −: zoom. Drag, ← and →: move. ↑ and ↓: one event after the other."
        : "Wheel, pinch, + and −: zoom. Drag, ← and →: move. ↑ and ↓: one event after the other.";
      if (this.details.open) this.#fillTable();
    }

    end() {
      this.observer.disconnect();
      cancelAnimationFrame(this.waits);
      this.root.remove();
    }

    #tall() {
      return this.figure.clientHeight > innerHeight * 0.95;
    }

    #clamp() {
      const [from, until] = this.model.span ?? [0, 1];
      const size = this.t1 - this.t0;
      const margin = Math.max((until - from) * 0.02, size * 0.05);
      if (this.t0 < from - margin) this.t0 = from - margin;
      if (this.t0 + size > until + margin) this.t0 = Math.max(until + margin - size, from - margin);
      this.t1 = this.t0 + size;
    }

    #fillCards() {
      const { model } = this;
      const cards = headlines(model);
      this.headlines = cards.map(([name, value, note]) => `${name}: ${value}${note ? `, ${note}` : ""}`);
      this.cards.replaceChildren();
      for (const [name, value, note, style] of [...cards, ...model.facts.map(([name, value]) => [name, value, "", ""])]) {
        const card = html(this.cards, "div", { class: `card ${style ?? ""}${value.length > 24 ? " long" : ""}` });
        html(card, "dt", {}, name);
        const figure = html(card, "dd", {}, value);
        if (note) html(figure, "small", {}, note);
      }
    }

    #tools() {
      const tools = html(this.root, "div", { class: "tools", role: "toolbar", "aria-label": "View" });
      const button = (text, name, act) => {
        const made = html(tools, "button", { type: "button", title: name, "aria-label": name }, text);
        made.addEventListener("click", act);
      };
      const move = (share) => this.pan((this.t1 - this.t0) * share);
      button("+", "Zoom in", () => this.zoom(0.5));
      button("−", "Zoom out", () => this.zoom(2));
      button("◀", "Earlier", () => move(-0.4));
      button("▶", "Later", () => move(0.4));
      button("All", "Show all", () => this.all());
      if (this.window) button("Live", "Show the newest, and go on with it", () => this.live());
      button("Takeover", "Show the takeover", () => this.showTakeover());
      const text = html(tools, "input", { type: "search", placeholder: "Find text", "aria-label": "Find text", size: "14" });
      text.addEventListener("input", () => {
        this.filter.text = text.value.trim().toLowerCase();
        this.later();
      });
    }

    #filters() {
      const filters = html(this.root, "details", { class: "filters" });
      // On a phone the picture comes first.
      filters.open = innerWidth >= 640;
      html(filters, "summary", {}, "Filters");
      this.choices = html(filters, "div", { class: "choices" });
      this.#choices();
    }

    /** Shows the longest takeover, with as much around it. */
    showTakeover() {
      const all = this.model.groups.flatMap((group) => group.takeovers).filter((takeover) => takeover.before !== "yielded");
      if (all.length === 0) return;
      const longest = all.reduce((a, b) => (b.at - b.lastWord > a.at - a.lastWord ? b : a));
      const margin = Math.max((longest.at - longest.lastWord) * 0.4, 1e6);
      [this.t0, this.t1, this.follows] = [longest.lastWord - margin, longest.at + margin, false];
      this.#clamp();
      this.later();
    }

    #choices() {
      const { model, filter } = this;
      const hosts = [...new Set(model.lanes.map((lane) => lane.host))];
      const routers = model.groups.map((group) => group.router);
      const key = JSON.stringify([hosts, routers]);
      if (this.chosenFrom === key) return;
      this.chosenFrom = key;
      this.choices.replaceChildren();
      const set = (name, entries, isOn, turn) => {
        const field = html(this.choices, "fieldset");
        html(field, "legend", {}, name);
        for (const [value, text] of entries) {
          const label = html(field, "label");
          const box = html(label, "input", { type: "checkbox" });
          box.checked = isOn(value);
          box.dataset.filter = value;
          html(label, "span", {}, text);
          box.addEventListener("change", () => {
            turn(value, box.checked);
            this.later();
          });
        }
      };
      const toggle = (all) => (value, on) => (on ? all.add(value) : all.delete(value));
      set("Show", LAYERS, (value) => filter.kinds.has(value), toggle(filter.kinds));
      const hide = (value, on) => (on ? filter.hidden.delete(value) : filter.hidden.add(value));
      if (hosts.length > 1) set("Hosts", hosts.map((host) => [`host ${host}`, host]), (value) => !filter.hidden.has(value), hide);
      if (routers.length > 1) set("Routers", routers.map((router) => [`router ${router}`, router]), (value) => !filter.hidden.has(value), hide);
    }

    #table() {
      this.details = html(this.root, "details", { class: "events" });
      html(this.details, "summary", {}, "The same as text");
      this.note = html(this.details, "p", { class: "status" });
      const scroll = html(this.details, "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Events in view" });
      const table = html(scroll, "table");
      const head = html(html(table, "thead"), "tr");
      for (const name of ["when", "what"]) html(head, "th", { scope: "col" }, name);
      this.body = html(table, "tbody");
      this.details.addEventListener("toggle", () => this.later());
    }

    #fillTable() {
      const { events, regular } = this.#events();
      this.body.replaceChildren();
      for (const { at, kind, item } of events.slice(0, ROWS)) {
        const row = html(this.body, "tr");
        html(row, "td", { class: "when" }, moment(this.model, at));
        html(row, "td", {}, describe[kind](this.model, item));
      }
      const parts = [`${whole(events.length)} event${events.length === 1 ? "" : "s"} in view`];
      if (events.length > ROWS) parts.push(`the first ${ROWS} are listed: zoom in for the others`);
      if (regular > 0) parts.push(`${whole(regular)} advertisement${regular === 1 ? "" : "s"} that everybody heard ${regular === 1 ? "is" : "are"} not listed`);
      this.note.textContent = `${parts.join("; ")}.`;
    }

    /** Everything in view but what is as ever, by time. */
    #events() {
      const { model, filter, t0, t1 } = this;
      const events = [];
      let regular = 0;
      const within = (at) => at >= t0 && at <= t1;
      const take = (layer, kind, item, at = item.at ?? item.from, lane = item.lane ?? null) => {
        if (!filter.kinds.has(layer) || !within(at) || !shows(model, filter, lane)) return;
        if (filter.text && !describe[kind](model, item).toLowerCase().includes(filter.text)) return;
        events.push({ at, kind, item });
      };
      model.stateSpans.flat().forEach((item) => take("states", "state", item));
      for (const group of model.groups) {
        if (filter.hidden.has(`router ${group.router}`)) continue;
        group.addresses.forEach((entry) => entry.spans.forEach((item) => take("addresses", "held", item)));
        group.takeovers.forEach((item) => take("takeovers", "takeover", item, item.at, item.to));
      }
      model.cutSpans.forEach((item) => take("cuts", "cut", item));
      model.marks.forEach((item) => take("marks", "mark", item));
      model.outages.forEach((item) => take("clients", "outage", item, item.at, null));
      for (let index = lowerBound(model.advertisements, t0); index < model.advertisements.length; index++) {
        const item = model.advertisements[index];
        if (item.at > t1) break;
        const plain = item.kind === "regular" && item.to.every(({ fate }) => fate === "heard");
        if (plain && !filter.text) regular++;
        else take("advertisements", "advertisement", item);
      }
      events.sort((a, b) => a.at - b.at);
      return { events, regular };
    }

    #pointer() {
      const pointers = new Map();
      const time = (clientX) => {
        const box = this.picture.getBoundingClientRect();
        const left = Number(this.picture.querySelector("clipPath rect")?.getAttribute("x") ?? 0);
        const share = (clientX - box.left - left) / Math.max(box.width - left - 12, 1);
        return this.t0 + (this.t1 - this.t0) * Math.min(Math.max(share, 0), 1);
      };
      const perPixel = () => (this.t1 - this.t0) / Math.max(this.picture.clientWidth - 12, 1);
      this.figure.addEventListener("wheel", (event) => {
        const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
        if (this.#tall() && !event.ctrlKey && !event.metaKey && !sideways) return;
        event.preventDefault();
        const pixels = event.deltaMode === 1 ? 16 : 1;
        if (sideways) this.pan((event.deltaX || event.deltaY) * pixels * perPixel());
        else this.zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY * pixels)) * 0.002), time(event.clientX));
      }, { passive: false });
      this.figure.addEventListener("dblclick", (event) => this.zoom(0.4, time(event.clientX)));
      this.figure.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        pointers.set(event.pointerId, event.clientX);
        if (event.pointerType === "touch") this.#point(event);
      });
      this.figure.addEventListener("pointermove", (event) => {
        const before = pointers.get(event.pointerId);
        if (before === undefined) return this.#point(event);
        if (pointers.size === 1) {
          if (Math.abs(event.clientX - before) < 1) return;
          if (event.pointerType !== "touch") this.figure.setPointerCapture(event.pointerId);
          this.pan((before - event.clientX) * perPixel());
        } else if (pointers.size === 2) {
          const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
          const [old, now] = [Math.abs(before - other), Math.abs(event.clientX - other)];
          if (old > 5 && now > 5) this.zoom(old / now, time((other + event.clientX) / 2));
        }
        pointers.set(event.pointerId, event.clientX);
      });
      const up = (event) => pointers.delete(event.pointerId);
      this.figure.addEventListener("pointerup", up);
      this.figure.addEventListener("pointercancel", up);
      this.figure.addEventListener("pointerleave", (event) => {
        up(event);
        if (event.pointerType !== "touch") this.tooltip.hidden = true;
      });
    }

    #point(event) {
      let element = event.target;
      while (element && element !== this.figure && !element.tip) element = element.parentNode;
      if (element?.tip) this.#say(element.tip, event.clientX, event.clientY);
      else this.tooltip.hidden = true;
    }

    #say({ at, until, text }, clientX, clientY) {
      const { model, tooltip } = this;
      tooltip.replaceChildren();
      html(tooltip, "strong", {}, moment(model, at));
      if (until > at) html(tooltip, "strong", {}, ` for ${span(until - at)}`);
      html(tooltip, "div", {}, text);
      tooltip.hidden = false;
      const box = tooltip.getBoundingClientRect();
      tooltip.style.left = `${Math.max(4, Math.min(clientX + 14, innerWidth - box.width - 6))}px`;
      const below = clientY + 16;
      tooltip.style.top = `${below + box.height > innerHeight ? Math.max(4, clientY - box.height - 10) : below}px`;
    }

    #keys() {
      this.figure.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const size = this.t1 - this.t0;
        const acts = {
          "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
          ArrowLeft: () => this.pan(-size * 0.15), ArrowRight: () => this.pan(size * 0.15),
          0: () => this.all(), Home: () => this.pan(-1e18), End: () => this.pan(1e18),
          ArrowDown: () => this.#walk(1), ArrowUp: () => this.#walk(-1),
          Escape: () => (this.tooltip.hidden = true),
        };
        if (!acts[event.key]) return;
        event.preventDefault();
        acts[event.key]();
      });
    }

    /** Tells of the next event, or of the one before. */
    #walk(by) {
      const { events } = this.#events();
      if (events.length === 0) return;
      const at = Math.min(Math.max((this.walked ?? (by > 0 ? -1 : events.length)) + by, 0), events.length - 1);
      this.walked = at;
      const { kind, item, at: when } = events[at];
      const box = this.picture.getBoundingClientRect();
      this.#say({ at: when, until: item.until, text: describe[kind](this.model, item) }, box.left + box.width * ((when - this.t0) / (this.t1 - this.t0)), Math.max(box.top, 0) + 30);
    }
  }

  /** What matters most, as figures: name, value, remark, style. */
  function headlines(model) {
    const cards = [];
    const all = model.groups.flatMap((group) => group.takeovers.map((takeover) => ({ ...takeover, router: group.router })));
    const [from, until] = model.span ?? [0, 0];
    const sudden = all.filter((takeover) => takeover.before !== "yielded" && takeover.at >= from && takeover.at <= until);
    if (sudden.length === 1 || sudden.length === 2) {
      for (const { from, to, at, lastWord, before, router } of sudden) {
        const where = model.groups.length > 1 ? `, ${router}` : "";
        cards.push([before === "stayed" ? "Second Master" : "Takeover", span(at - lastWord), `${laneName(model, from)} → ${laneName(model, to)}${where}`, "main"]);
      }
    } else if (sudden.length > 2) {
      const longest = Math.max(...sudden.map(({ at, lastWord }) => at - lastWord));
      cards.push(["Takeovers", whole(sudden.length), `the longest ${span(longest)}`, "main"]);
    } else if (model.groups.length > 0) cards.push(["Takeover", "none", "", ""]);
    const outages = model.outages.filter((outage) => outage.until !== null);
    const endless = model.outages.length - outages.length;
    if (model.clients.length > 0) {
      const longest = outages.reduce((a, b) => (a && a.until - a.at >= b.until - b.at ? a : b), null);
      const value = endless > 0 ? "did not end" : longest ? span(longest.until - longest.at) : "never";
      const lost = model.outages.reduce((sum, outage) => sum + outage.lost, 0);
      cards.push(["Without an answer", value, lost > 0 ? `${whole(lost)} requests lost in all` : "no request lost", endless > 0 ? "bad" : ""]);
    }
    return cards;
  }

  function legend(root) {
    const list = html(root, "ul", { class: "legend", "aria-label": "Legend" });
    const entry = (text, paint) => {
      const item = html(list, "li");
      const sample = svg(item, "svg", { width: 34, height: 18, "aria-hidden": "true" });
      paint(sample);
      html(item, "span", {}, text);
    };
    const id = `l${++pictures}`;
    const box = (sample, style, pattern) => {
      if (pattern) hatch(svg(sample, "defs"), `${id}-${style}`, pattern);
      svg(sample, "rect", { x: 1, y: 2, width: 32, height: 14, class: `bar ${style}`, ...(pattern ? { style: `fill:url(#${id}-${style})` } : {}) });
    };
    entry("Master", (s) => box(s, "state-master"));
    entry("Backup", (s) => box(s, "state-backup"));
    entry("Initialize", (s) => box(s, "state-initialize"));
    entry("Fault", (s) => box(s, "state-fault", "fault-lines"));
    entry("down", (s) => box(s, "state-down"));
    entry("hangs", (s) => box(s, "state-hung"));
    const arrow = (fate, end, kind = "regular", to = 26) => (s) => {
      const group = svg(s, "g", { class: `arrow ${fate} kind-${kind}` });
      svg(group, "line", { x1: 2, x2: to, y1: 9, y2: 9, class: "way" });
      svg(group, "path", { d: end, class: "end" });
    };
    const head = "M32,9l-7,-3.5v7z";
    entry("advertisement", arrow("heard", head));
    entry("release", arrow("heard", head, "release"));
    entry("rejected", arrow("rejected", head));
    entry("lost", arrow("lost", "M14,5l8,8m0,-8l-8,8", "regular", 18));
    entry("cut off", arrow("cut", "M14,3v12", "regular", 14));
    entry("takeover", (s) => {
      svg(s, "rect", { x: 1, y: 6, width: 32, height: 11, class: "band" });
      svg(s, "path", { d: "M1,8V3H33v5", class: "bracket" });
    });
    entry("other news", (s) => svg(s, "path", { d: "M17,14l-4,-6h8z", class: "note" }));
    entry("address on nobody", (s) => box(s, "nobody"));
    entry("address on several", (s) => box(s, "both", "both-lines"));
    entry("no answer", (s) => box(s, "outage"));
  }

  /** Shows timelines in an element. Returns what adds to them. */
  function mount(root, timelines, { window, keep } = {}) {
    const models = timelines.map((data) => new Model(data, keep));
    let view = null;
    let chosen = 0;
    const nav = html(root, "nav", { class: "runs", "aria-label": "Timelines" });
    const stage = html(root, "div", { class: "stage" });
    const buttons = [];
    const fillNav = () => {
      nav.hidden = models.length < 2;
      nav.replaceChildren();
      buttons.length = 0;
      models.forEach((model, index) => {
        const button = html(nav, "button", { type: "button", "aria-pressed": String(index === chosen) });
        const style = model.passed === null ? "" : model.passed ? "good" : "bad";
        const title = html(button, "span", { class: "run-title" });
        if (style) html(title, "span", { class: `sign ${style}`, role: "img", "aria-label": model.passed ? "passed" : "failed" }, model.passed ? "✓" : "✗");
        html(title, "span", {}, model.title);
        const figures = headlines(model).map(([name, value]) => `${name.toLowerCase()} ${value}`);
        html(button, "small", {}, figures.join(" · "));
        button.addEventListener("click", () => choose(index));
        buttons.push(button);
      });
    };
    const choose = (index) => {
      if (!models[index]) return;
      view?.end();
      chosen = index;
      buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === index)));
      view = new View(stage, models[index], window);
    };
    fillNav();
    if (models.length > 0) choose(0);
    else html(stage, "p", {}, "There is nothing to show.");

    // On paper stands every timeline, as wide as the sheet.
    let sheets = null;
    addEventListener("beforeprint", () => {
      sheets = html(root, "div", { class: "sheets" });
      for (const model of models) {
        const sheet = html(sheets, "section", { class: "timeline" });
        html(sheet, "h2", {}, `${model.title}${model.passed === null ? "" : model.passed ? " ✓ passed" : " ✗ failed"}`);
        const figures = headlines(model).map(([name, value, note]) => `${name}: ${value}${note ? ` (${note})` : ""}`);
        html(sheet, "p", {}, [...figures, ...model.facts.map(([name, value]) => `${name}: ${value}`)].join(". "));
        const [from, until] = model.span ?? [0, 1];
        const margin = (until - from) * 0.01;
        const whole = model === view?.model ? [view.t0, view.t1, view.filter] : [from - margin, until + margin, { kinds: new Set(LAYERS.map(([name]) => name)), hidden: new Set(), text: "" }];
        draw(svg(sheet, "svg", { role: "img" }), model, { width: 1000, t0: whole[0], t1: whole[1], filter: whole[2] });
        legend(sheet);
      }
    });
    addEventListener("afterprint", () => {
      sheets?.remove();
      sheets = null;
    });

    return {
      /** Adds to a timeline, or a new one where there is none at this position. */
      add(data, position = 0) {
        if (models[position]) {
          models[position].add(data);
          if (position === chosen) view?.grew();
        } else models.push(new Model(data, keep));
        fillNav();
        if (!view) choose(0);
      },
      /** The model and the view that are shown. */
      get model() {
        return models[chosen];
      },
      get view() {
        return view;
      },
    };
  }

  return { mount, span };
})();
