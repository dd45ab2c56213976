// Follows the server's events. An element says what it is about:
//   data-live="container step"   kinds of events that change it
//   data-live-url="…"            where its HTML comes from, again
//   data-live-match="db"         only events about this container or job
//   data-live-row="row"          parameter that names the single rows wanted, data-live-key which of an event's values they are
//   data-live-at="…"             when it was made
//   data-live-every="60"         seconds that it is asked for at most once in
// Events only say that something changed; words, times and marks come from the server, so there is one place that chooses them.
(() => {
  const KINDS = ["container", "job", "step", "command", "line", "sample", "terminal"];
  // An event and its like within this time make one request; a slow server is asked less often.
  const PATIENCE_MS = 30;
  const PATIENCE_MAX_MS = 1500;
  const GONE_RETRY_MS = 5000;
  const MOST_FAILURES = 5;
  const LONGEST_PRESS_MS = 2000;

  const about = {
    container: (event) => ({ container: [event.name], job: [], step: [] }),
    job: (event) => ({ container: event.targets ?? [], job: [event.id], step: [""] }),
    step: (event) => ({ container: [event.container], job: [event.job], step: [event.number] }),
    command: (event) => ({ container: [], job: [event.job], step: [event.step] }),
    line: (event) => ({ container: [], job: [event.job], step: [] }),
    // What is in use is in the event itself: see use.js.
    sample: () => ({ container: [], job: [], step: [] }),
    terminal: (event) => ({ container: [event.container], job: [], step: [] }),
  };

  class Follower {
    constructor(element) {
      this.element = element;
      this.id = element.id;
      this.rows = new Set();
      this.timer = null;
      this.patience = PATIENCE_MS;
      this.failures = 0;
      // What is to be asked for: single rows, or all; and whether anything happened since the last request began.
      this.whole = false;
      this.isStale = false;
      // Requests are numbered: a late answer must not take the place of a newer one.
      this.asked = this.shown = 0;
    }

    get kinds() {
      return this.element.dataset.live.split(" ");
    }

    get current() {
      return document.getElementById(this.id);
    }

    hear(kind, event) {
      if (!this.kinds.includes(kind)) return;
      const subjects = about[kind](event);
      const match = this.element.dataset.liveMatch;
      if (match && ![...subjects.container, ...subjects.job.map(String)].includes(match)) return;
      const key = this.element.dataset.liveKey;
      if (key) subjects[key].forEach((row) => this.rows.add(String(row)));
      this.ask();
    }

    ask() {
      this.isStale = true;
      const every = 1000 * (this.element.dataset.liveEvery ?? 0);
      this.timer ??= setTimeout(() => this.fetch(), Math.max(this.patience, every));
    }

    // At first a long list asks for what changed since it was made; after a lost connection for everything.
    async catch_up(isFirst) {
      const at = this.element.dataset.liveAt;
      if (isFirst && at) this.rows.add(`@${at}`);
      else this.whole = true;
      await this.fetch();
    }

    async fetch() {
      const element = this.current;
      const rows = this.whole ? ["*"] : [...this.rows];
      this.rows.clear();
      this.whole = this.isStale = false;
      const begun = performance.now();
      try {
        if (element && (rows.length || !element.dataset.liveKey)) await this.show(element, rows, ++this.asked);
      } finally {
        if (!this.failures) this.patience = Math.min(PATIENCE_MAX_MS, Math.max(PATIENCE_MS, 2 * (performance.now() - begun)));
        this.timer = null;
        if (this.isStale) this.ask();
      }
    }

    // The answer got lost, not the news: it is asked for again, a few times.
    retry(rows) {
      if (++this.failures > MOST_FAILURES) return;
      this.patience = PATIENCE_MAX_MS;
      this.repeat(rows);
    }

    repeat(rows) {
      rows.forEach((row) => (row === "*" ? (this.whole = true) : this.rows.add(row)));
      this.isStale = true;
    }

    async show(element, rows, number) {
      const url = new URL(element.dataset.liveUrl, location.href);
      if (element.dataset.liveRow) (rows.length ? rows : [""]).forEach((row) => url.searchParams.append(element.dataset.liveRow, row));
      const html = await window.spocweb.ask(url);
      await released;
      if (html === null) return this.retry(rows);
      this.failures = 0;
      if (number < this.shown) return this.repeat(rows);
      this.shown = number;
      // The page of an empty list has nothing that could be patched.
      if ("liveReload" in element.dataset) return html.includes('id="rows"') && renew();
      const homeless = window.spocweb.patch(html);
      // A row that came or went. What else has no place here is for another tab of the page.
      const isRow = (fresh) => fresh.matches("tr");
      if (homeless.some(isRow) || (element.dataset.liveKey === "container" && rows.some((row) => gone(html, row)))) reload(element);
    }
  }

  // The list as a whole, in the order that it is sorted by.
  function reload(element) {
    if (document.getElementById("list")?.contains(element))
      window.htmx.ajax("GET", element.dataset.liveUrl, { target: "#list", swap: "innerHTML" });
    else renew();
  }

  // The page's content, made anew in its place: loading it again would take the way of whoever is just leaving it.
  async function renew() {
    const response = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
    const fresh = response?.ok && new DOMParser().parseFromString(await response.text(), "text/html").getElementById("main");
    if (!fresh) return;
    await released;
    const main = document.getElementById("main");
    main.replaceChildren(...fresh.childNodes);
    window.htmx.process(main);
    document.dispatchEvent(new CustomEvent("spocweb:patched"));
    for (const follower of followers.values()) follower.catch_up(true);
  }

  const gone = (html, row) => !/^[*@]/.test(row) && document.getElementById(`row-${row}`) && !html.includes(`id="row-${row}"`);

  // A press and a release on two elements are no click: what arrives in between waits, though not for ever.
  let released = Promise.resolve();
  addEventListener(
    "pointerdown",
    () => {
      released = new Promise((resolve) => {
        for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, () => setTimeout(resolve), { capture: true, once: true });
        setTimeout(resolve, LONGEST_PRESS_MS);
      });
    },
    { capture: true },
  );

  // --- who follows what: found anew after every swap ---
  let followers = new Map();
  function look() {
    const found = new Map();
    for (const element of document.querySelectorAll("[data-live]")) {
      const follower = followers.get(element.id) ?? new Follower(element);
      follower.element = element;
      found.set(element.id, follower);
    }
    followers = found;
  }

  // --- connection ---
  const sign = document.getElementById("connection");
  let source = null, lostAt = null, wasLive = false, retry = null;

  function say(what) {
    sign.hidden = false;
    for (const part of sign.children) part.hidden = part.dataset.when !== what;
    document.documentElement.classList.toggle("sw-lost", what === "lost");
  }

  function sayLost() {
    if (!lostAt || !window.spocweb.short) return;
    const text = window.spocweb.fill(sign.dataset.lost, window.spocweb.short(Math.floor((Date.now() - lostAt) / 1000)));
    sign.querySelector("[data-lost-text]").textContent = text;
  }

  // The server says when nothing is missed any more. What happened before, since the page was made or the connection was
  // lost, is in the pages: everything is asked for once more before it is called live.
  async function caught_up() {
    if (lostAt) say("loading");
    await Promise.all([...followers.values()].map((follower) => follower.catch_up(!wasLive)));
    wasLive = true;
    lostAt = null;
    say("live");
  }

  function lost() {
    lostAt ??= Date.now();
    say("lost");
    sayLost();
    // A stream that was refused is not tried again by the browser: the session may have ended.
    if (source.readyState === EventSource.CLOSED) retry ??= setTimeout(ask, GONE_RETRY_MS);
  }

  // Who is signed out is sent to the sign-in page by the answer.
  async function ask() {
    await window.spocweb.ask(new URL(document.getElementById("strip").dataset.liveUrl, location.href));
    connect();
  }

  function connect() {
    retry = null;
    source = new EventSource("/api/v1/events/");
    source.addEventListener("listening", caught_up);
    source.addEventListener("error", lost);
    for (const kind of KINDS) source.addEventListener(kind, (message) => hear(kind, JSON.parse(message.data)));
  }

  function hear(kind, event) {
    for (const follower of followers.values()) follower.hear(kind, event);
    document.dispatchEvent(new CustomEvent(`spocweb:${kind}`, { detail: event }));
  }

  // --- results of jobs, said politely to those who do not see the strip ---
  let said = document.querySelector("[data-announce]")?.textContent;
  document.addEventListener("spocweb:patched", () => {
    const text = document.querySelector("[data-announce]")?.textContent;
    if (text && text !== said) document.getElementById("announce").textContent = said = text;
    look();
  });
  document.addEventListener("htmx:afterSettle", look);
  // What was read is counted no more; an answer about the strip that is under way may still count it.
  document.addEventListener("htmx:afterRequest", ({ detail }) => detail.target?.id === "bell" && followers.get("strip")?.ask());

  if (!sign) return;
  look();
  connect();
  setInterval(sayLost, 1000);
  // Leaving must not look like a lost connection; a page that comes back from the browser's cache follows again.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
})();
