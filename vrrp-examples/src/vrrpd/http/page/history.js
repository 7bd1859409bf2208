// What the live page shows of the past: events as a timeline. Its drawing is that of every other timeline here.
"use strict";
const vrrpHistory = (() => {
  /** How much of the past is shown, in ns. */
  const WINDOW = 120e9;
  /** Things of a kind that are kept at most: all of them are looked at again whenever something happens. */
  const KEEP = 10_000;
  /** Routers at most that nothing has happened to. */
  const LANES = 12;
  /** Before the first event, in ms. */
  const BEFORE = 5_000;
  /** The first events come at once after the first status: so long is waited for them, in ms. */
  const GATHER = 300;

  let page = null;
  let status = null;
  let early = [];
  /** When the timeline begins, in ms since 1970 by the clock of vrrpd. */
  let base = 0;
  /** This clock less that of vrrpd, in ms. */
  let ahead = 0;

  /** What a line tells of a state or an address, where it does. */
  function told({ time, router, id, level, message, fields = {} }) {
    const here = { "address-set": true, "address-removed": false, "address-lost": false, "address-expired": false }[id];
    const warning = level === "warning" || level === "error";
    return {
      at: time,
      router: router ?? null,
      warning,
      text: message,
      // Initialize, for a reason that an operator has to know, is Fault.
      state: id !== "state-changed" ? undefined : fields.to === "Initialize" && warning ? "Fault" : fields.to,
      address: here === undefined ? undefined : { address: fields.address, here },
    };
  }

  const millis = (at) => new Date(at).getTime();
  // A moment in nanoseconds since 1970 would be no exact number.
  const nanos = (at) => Math.max(0, Math.round((at - base) * 1e6));
  const now = () => Date.now() - ahead;

  function begin() {
    base = Math.min(now() - 30_000, ...early.map((event) => millis(event.at) - BEFORE));
    const touched = new Set(early.map((event) => event.router).filter(Boolean));
    const states = [];
    const held = [];
    const lanes = [];
    const first = (name, what) => early.find((event) => event.router === name && event[what] !== undefined);
    const shown = status.routers.filter((router) => touched.has(router.name));
    shown.push(...status.routers.filter((router) => !touched.has(router.name)).slice(0, LANES));
    for (const router of shown) {
      const lane = lanes.push({ host: status.host, router: router.name }) - 1;
      // What was before the first event that tells of it is not known.
      if (!first(router.name, "state")) {
        const since = router.since ? Math.max(millis(router.since.at), base) : base;
        states.push([nanos(since), lane, router.state.toLowerCase(), router.cause]);
      }
      for (const { address, host } of router.addresses) {
        const told = early.some((event) => event.router === router.name && event.address?.address === address);
        if (!told && (host === "ours" || host === "foreign")) held.push([0, lane, address, 1]);
      }
    }
    const data = { title: "What happened", passed: null, facts: [], wall: [0, base], span: [0, nanos(now())], missing: 0, lanes, states, held };
    document.getElementById("timeline").hidden = false;
    page = VrrpTimeline.mount(document.getElementById("timeline"), [data], { keep: KEEP });
    early.forEach(add);
    early = [];
    const filters = document.querySelector("#timeline .filters");
    if (filters) filters.open = false;
  }

  function add({ at, router, warning, text, state, address }) {
    const moment = nanos(millis(at));
    const data = { lanes: [], states: [], held: [], marks: [], span: [0, Math.max(moment, nanos(now()))] };
    if (router !== null) data.lanes.push({ host: status.host, router });
    const lane = router === null ? null : 0;
    if (state !== undefined) data.states.push([moment, lane, state.toLowerCase(), text]);
    if (address !== undefined) data.held.push([moment, lane, address.address, address.here ? 1 : 0]);
    if (warning) data.marks.push([moment, lane, "note", text]);
    page.add(data);
  }

  setInterval(() => {
    if (!page || document.hidden) return;
    const span = nanos(now());
    // Who looks at something else goes on looking at it.
    page.view.window = span > WINDOW ? WINDOW : undefined;
    page.add({ span: [0, span] });
  }, 2000);

  return {
    /** Takes how everything stands. */
    snapshot(next) {
      ahead = Date.now() - millis(next.at);
      if (status === null) setTimeout(begin, GATHER);
      status = next;
    },
    /** Takes an event. */
    event(line) {
      if (page) add(told(line));
      else early.push(told(line));
    },
    /** Takes that something is missing. */
    gap(text) {
      page?.add({ marks: [[nanos(now()), null, "note", text]] });
    },
  };
})();
