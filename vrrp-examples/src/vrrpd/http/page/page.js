// The live page of vrrpd: how every router stands, and what happens. It reads /events and asks for nothing else.
// Text from outside goes into the page as text only.
"use strict";
(() => {
  /** Events that are shown at most. */
  const SHOWN = 200;
  /** Longer without a message: the other end is gone, whatever the connection says. It sends one every ten seconds. */
  const SILENCE = 25_000;

  const by = (id) => document.getElementById(id);
  /** Cards by the names of their routers. */
  const cards = new Map();
  let status = null;
  /** This clock less that of vrrpd, in ms. */
  let ahead = 0;
  let source = null;
  /** The id of the last event: a connection made anew goes on after it. */
  let last = null;
  let heard = Date.now();

  function add(parent, name, text, attributes = {}) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  }

  function span(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const units = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
    const first = units.findIndex(([, length]) => whole >= length);
    if (first < 0) return "0 s";
    let rest = whole;
    const parts = [];
    for (const [name, length] of units.slice(first, first + 2)) {
      const count = Math.floor(rest / length);
      rest -= count * length;
      if (count > 0 || parts.length === 0) parts.push(`${count} ${name}`);
    }
    return parts.join(" ");
  }

  function clock(at) {
    const date = new Date(at);
    return Number.isNaN(date.getTime()) ? String(at) : date.toLocaleTimeString([], { hour12: false });
  }

  // ------------------------------------------------------------------------------------------------ routers

  const places = {
    ours: "here", foreign: "here, set by somebody else", tentative: "here, not in use yet", duplicate: "duplicate on the link",
    absent: "not here",
  };

  function location(router, { address, host, obstacle }) {
    const isMaster = router.state === "Master";
    const isHere = host === "ours" || host === "foreign";
    const text = `${address} ${places[host] ?? host}${obstacle ? `: ${obstacle}` : ""}`;
    return { text, kind: host === "duplicate" || isMaster !== isHere ? "bad" : undefined };
  }

  function hand(change) {
    switch (change.change) {
      case "drained": return `drained at priority ${change.priority}`;
      case "priority": return `priority ${change.priority}`;
      default: return change.change;
    }
  }

  function master(router) {
    if (!router.master) return "none known";
    const { address, priority, us } = router.master;
    return `${us ? "this router, " : ""}${address}${priority === null ? "" : `, priority ${priority}`}`;
  }

  /** The lines of a card: a name, a text, and perhaps what kind of news it is. */
  function* lines(router) {
    yield ["because", router.cause];
    for (const fault of router.faults) yield ["fault", fault, "bad"];
    yield ["Master", master(router)];
    if (router.other_master) {
      const { address, priority, why } = router.other_master;
      yield ["Master too", `${address}${priority === null ? "" : `, priority ${priority}`}${why ? `: ${why}` : ""}`, "bad"];
    }
    const changed = router.priority !== router.configured_priority;
    yield ["priority", changed ? `${router.priority}, configured ${router.configured_priority}` : `${router.priority}`, changed ? "odd" : undefined];
    for (const change of router.by_hand ?? []) yield ["by hand", hand(change), "odd"];
    if (router.drain) yield ["drain", router.drain.replace("-", " "), "odd"];
    for (const tracker of router.trackers) yield ["tracks", tracker.says, tracker.passing === false ? "bad" : undefined];
    for (const address of router.addresses) {
      const { text, kind } = location(router, address);
      yield ["address", text, kind];
    }
  }

  function fill(card, router) {
    const open = card.querySelector("details")?.open ?? false;
    card.replaceChildren();
    card.dataset.state = router.state;
    const top = add(card, "div", undefined, { class: "top" });
    add(top, "h3", router.name);
    add(top, "span", router.state, { class: "state" });
    add(card, "p", `${router.interface}, ${router.family}, VRID ${router.vrid}`, { class: "where" });
    const list = add(card, "dl");
    if (router.since) {
      add(list, "dt", "since");
      add(list, "dd", "", { class: "since", "data-at": router.since.at });
    }
    let before;
    for (const [name, text, kind] of lines(router)) {
      add(list, "dt", name === before ? "" : name);
      add(list, "dd", text, kind ? { class: kind } : {});
      before = name;
    }
    const counters = Object.entries(router.counters).filter(([, count]) => count > 0);
    if (counters.length > 0) {
      const details = add(card, "details");
      details.open = open;
      add(details, "summary", "counters");
      add(details, "p", counters.map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`).join(", "));
    }
  }

  function showRouters() {
    const list = by("routers");
    const names = new Set(status.routers.map((router) => router.name));
    for (const [name, { card }] of cards) {
      if (!names.has(name)) {
        card.remove();
        cards.delete(name);
      }
    }
    status.routers.forEach((router, place) => {
      // How long it has been so changes all the time, and is told below.
      const text = JSON.stringify({ ...router, since: router.since?.at });
      let known = cards.get(router.name);
      if (!known) cards.set(router.name, (known = { card: document.createElement("article"), text: "" }));
      known.card.className = "vr";
      if (known.text !== text) fill(known.card, router);
      Object.assign(known, { text, words: text.toLowerCase() });
      if (list.children[place] !== known.card) list.insertBefore(known.card, list.children[place] ?? null);
    });
    filter();
    tick();
  }

  function filter() {
    const words = by("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { card, words: text } of cards.values()) {
      card.hidden = !words.every((word) => text.includes(word));
      if (!card.hidden) shown += 1;
    }
    by("none").hidden = shown > 0 || cards.size === 0;
  }

  function tick() {
    for (const place of document.querySelectorAll(".since")) {
      const at = new Date(place.dataset.at);
      place.textContent = `${span((Date.now() - ahead - at.getTime()) / 1000)} (${at.toLocaleString([], { hour12: false })})`;
    }
  }

  // ------------------------------------------------------------------------------------------------ everything else

  function showSummary() {
    document.title = `vrrpd ${status.host}`;
    by("host").textContent = `on ${status.host}`;
    const count = (state) => status.routers.filter((router) => router.state === state).length;
    const states = ["Master", "Backup", "Fault", "Initialize"].map((state) => [count(state), state]);
    by("summary").textContent = states.filter(([count], place) => count > 0 || place < 2).map((pair) => pair.join(" ")).join(" · ")
      + ` · version ${status.version}`;
  }

  function showWrong() {
    const wrong = [];
    for (const router of status.routers) {
      for (const fault of router.faults) wrong.push(`${router.name}: ${fault}`);
      if (router.other_master) wrong.push(`${router.name}: ${router.other_master.address} says that it is Master too`);
      if (router.state === "Backup" && !router.master) wrong.push(`${router.name}: no Master is known`);
      for (const address of router.addresses) {
        const { text, kind } = location(router, address);
        if (kind) wrong.push(`${router.name}: ${text}`);
      }
    }
    for (const check of status.checks) {
      if (check.passing === false) wrong.push(`check ${check.name}: ${check.last?.result ?? "failed"}`);
    }
    by("wrong").querySelector("ul").replaceChildren();
    for (const text of wrong) add(by("wrong").querySelector("ul"), "li", text);
    by("wrong").hidden = wrong.length === 0;
  }

  function showChecks() {
    const list = by("checks").querySelector("ul");
    list.replaceChildren();
    by("checks").hidden = status.checks.length === 0;
    for (const { name, kind, passing, value, last } of status.checks) {
      const stands = passing === null ? "has no result yet" : value !== undefined ? `says ${value}` : passing ? "passes" : "failed";
      add(list, "li", `${name} (${kind}) ${stands}${last ? `: ${last.result}` : ""}`, { "data-passing": String(passing) });
    }
  }

  function line(attributes) {
    const list = by("events");
    const item = document.createElement("li");
    for (const [key, value] of Object.entries(attributes)) item.setAttribute(key, value);
    list.prepend(item);
    while (list.children.length > SHOWN) list.lastElementChild.remove();
    by("quiet").hidden = true;
    return item;
  }

  function showEvent({ time, router, level, message }) {
    const item = line({ "data-warning": String(level === "warning" || level === "error") });
    add(item, "time", clock(time), { datetime: time, title: time });
    add(item, "b", router ?? "");
    add(item, "span", router !== undefined && message.startsWith(`${router}: `) ? message.slice(router.length + 2) : message);
  }

  function showGap({ missed }) {
    const text = missed === null
      ? "vrrpd began anew: what happened in between is not known here"
      : `${missed} events are missing: this page did not read them in time`;
    line({ class: "gap" }).textContent = text;
    vrrpHistory.gap(text);
  }

  // ------------------------------------------------------------------------------------------------ the connection

  function show(state, text) {
    by("link").dataset.state = state;
    by("link").textContent = text;
  }

  function connect() {
    source?.close();
    heard = Date.now();
    source = new EventSource(last === null ? "events?last=100" : `events?after=${last}`);
    const on = (name, then) => source.addEventListener(name, (message) => {
      heard = Date.now();
      show("live", "live");
      then(JSON.parse(message.data), message.lastEventId);
    });
    on("snapshot", (snapshot) => {
      status = snapshot;
      ahead = Date.now() - new Date(status.at).getTime();
      showSummary();
      showWrong();
      showRouters();
      showChecks();
      vrrpHistory.snapshot(status);
    });
    on("event", (event, id) => {
      last = id;
      showEvent(event);
      vrrpHistory.event(event);
    });
    on("gap", showGap);
    source.addEventListener("error", () => show("lost", "no answer, trying again"));
  }

  by("filter").addEventListener("input", filter);
  connect();
  setInterval(() => {
    tick();
    // A browser gives up where it was refused, and does not notice a host that is gone.
    if (source.readyState === EventSource.CLOSED || Date.now() - heard > SILENCE) {
      connect();
      show("lost", "no answer, trying again");
    }
  }, 1000);
})();
