// A job's page: lines of output as they come. The page has the lines up to a number; what came between that and the
// first event is asked for by number, so there is no gap.
(() => {
  const job = document.getElementById("job");
  const MOST_LINES = 400;
  if (!job) return;

  // Lines of commands that the page does not show yet: their step is on its way.
  const early = new Map();
  const lines = (pre) => pre.querySelectorAll(":scope > span:not(.t)").length;

  function element(line) {
    const row = document.createElement("span"), at = document.createElement("span");
    at.className = "t";
    at.textContent = clock(new Date(line.at));
    row.className = "l";
    row.append(at, `${line.text}\n`);
    return row;
  }

  // In the zone that the server writes times in.
  const two = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 2, hour12: false };
  const format = new Intl.DateTimeFormat("en-GB", { ...two, timeZone: job.dataset.zone });
  const clock = (date) => format.format(date);

  function add(line) {
    const pre = document.querySelector(`pre[data-command="${line.command}"]`);
    if (!pre) return keep(line);
    if (line.number <= Number(pre.dataset.last)) return;
    // Who scrolled up is reading: the end is followed only by who is there.
    const follows = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 24;
    pre.hidden = false;
    pre.append(element(line));
    pre.dataset.last = line.number;
    // Who asked for earlier lines is reading, too.
    if (follows && !("grown" in pre.dataset) && lines(pre) > MOST_LINES) pre.querySelector(":scope > span.l")?.remove();
    if (follows) pre.scrollTop = pre.scrollHeight;
  }

  function keep(line) {
    const kept = early.get(line.command) ?? [];
    kept.push(line);
    early.set(line.command, kept.slice(-MOST_LINES));
  }

  document.addEventListener("spocweb:line", ({ detail }) => {
    if (String(detail.job) !== job.dataset.job) return;
    // Kept as well: a step that is replaced by what the server had a moment ago must not lose the newest.
    keep(detail);
    add(detail);
  });

  document.addEventListener("spocweb:patched", () => {
    for (const pre of document.querySelectorAll("pre[data-command]")) {
      const kept = (early.get(Number(pre.dataset.command)) ?? []).filter((line) => line.number > Number(pre.dataset.last));
      early.set(Number(pre.dataset.command), kept);
      kept.forEach(add);
    }
  });

  // Earlier lines come in above: what is being read stays where it is, and is not replaced by a page that lacks them.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const pre = detail.target.closest?.("pre[data-command]");
    if (pre) pre.dataset.below = pre.scrollHeight - pre.scrollTop;
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const pre of document.querySelectorAll("pre[data-below]")) {
      pre.scrollTop = pre.scrollHeight - Number(pre.dataset.below);
      pre.dataset.grown = "";
      delete pre.dataset.below;
      pre.focus({ preventScroll: true });
    }
  });

  // A link to a step or command that is folded away opens it.
  function unfold() {
    const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    const details = target?.closest("details.sw-section");
    if (details) details.open = true;
    target?.scrollIntoView({ block: "start" });
  }
  addEventListener("hashchange", unfold);
  unfold();
})();
