// A container's console: what is new is asked for from where the page has got to. A log that is quiet is asked less often.
(() => {
  const SOON_MS = 1000, LATE_MS = 5000;
  const log = document.getElementById("log");
  const follow = document.getElementById("log-follow");
  if (!log || !follow) return;

  const most = Number(log.dataset.most);
  const rest = document.getElementById("log-rest");
  let wait = SOON_MS, timer = null, isAsking = false;

  const is_at_end = () => log.scrollTop + log.clientHeight >= log.scrollHeight - 24;
  const to_end = () => (log.scrollTop = log.scrollHeight);

  // The server has escaped the line and marked what was searched for.
  function line(html, kind) {
    const element = document.createElement("span");
    element.className = kind;
    element.innerHTML = `${html}\n`;
    return element;
  }

  function show(news) {
    const was_at_end = is_at_end();
    if (news.is_new) {
      const anew = line("", "t l");
      anew.textContent = `${log.dataset.anew}\n`;
      rest.before(anew);
    }
    if (news.lines.length || news.rest) document.getElementById("log-empty")?.remove();
    rest.before(...news.lines.map((html) => line(html, "l")));
    rest.innerHTML = news.rest;
    log.dataset.position = news.position;
    // Who scrolled up is reading: the end is followed only by who is there.
    if (!was_at_end) return;
    for (let over = log.children.length - 1 - most; over > 0; over--) log.firstElementChild.remove();
    to_end();
  }

  async function ask() {
    const url = new URL(location.href);
    url.searchParams.set("after", log.dataset.position);
    const news = await window.spocweb.ask(url);
    return news ? JSON.parse(news) : null;
  }

  async function look() {
    isAsking = true;
    if (follow.checked && !document.hidden) {
      const before = rest.textContent;
      const news = await ask().catch(() => null);
      if (news) show(news);
      wait = news && (news.lines.length || rest.textContent !== before) ? SOON_MS : Math.min(LATE_MS, wait * 1.5);
    }
    isAsking = false;
    timer = setTimeout(look, wait);
  }

  function now() {
    wait = SOON_MS;
    if (isAsking) return;
    clearTimeout(timer);
    timer = setTimeout(look);
  }

  follow.addEventListener("change", () => follow.checked && (to_end(), now()));
  document.addEventListener("visibilitychange", () => !document.hidden && now());
  // Something happens: it will have something to say.
  document.addEventListener("spocweb:container", ({ detail }) => location.pathname.startsWith(`/containers/${detail.name}/`) && now());
  to_end();
  now();
})();
