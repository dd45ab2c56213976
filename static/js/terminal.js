// A container's terminal: xterm.js at one end of a WebSocket, a program in the container at the other.
(() => {
  const root = document.getElementById("terminal");
  if (!root || !window.Terminal) return;
  const find = (name) => root.querySelector(`[data-${name}]`);
  const form = find("start"), place = find("window"), status = find("status"), words = root.dataset;
  const KEPT = `spocweb-terminal-${words.container}`, READER = "spocweb-terminal-reader";
  // What is typed or pasted goes in pieces: a message is one frame, and these are bounded.
  const PIECE = 16_384, ALIVE_MS = 25_000, RETRY_MS = [200, 500, 1000, 2000];

  let term = null, fit = null, socket = null, number = null, tries = 0, isOver = true, alive = null;
  // Since when the connection is lost, and how long the terminal is kept for us then.
  let lostAt = null, graceMs = 0;

  // --- the content policy: xterm.js writes styles as text, which that refuses. The same through the object model is
  // --- allowed, since nothing that somebody slipped into a page could do it. There is no other way to tell xterm.js.
  const create = document.createElement.bind(document), set = Element.prototype.setAttribute;
  document.createElement = (name, ...more) => (name === "style" ? styleSheet(create("template")) : create(name, ...more));
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else set.call(this, name, value);
  };

  function styleSheet(element) {
    const sheet = new CSSStyleSheet(), remove = element.remove.bind(element);
    document.adoptedStyleSheets.push(sheet);
    for (const name of ["textContent", "innerText"]) Object.defineProperty(element, name, { set: (text) => sheet.replaceSync(text) });
    element.remove = () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      remove();
    };
    return element;
  }

  // --- looks: the page's colours, of whichever theme ---
  const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function theme() {
    const colours = {
      background: colour("--sw-terminal-bg"),
      foreground: colour("--sw-terminal-ink"),
      cursor: colour("--sw-terminal-ink"),
      cursorAccent: colour("--sw-terminal-bg"),
      selectionBackground: colour("--sw-terminal-picked"),
    };
    NAMES.forEach((name, index) => {
      colours[name] = colour(`--sw-terminal-${index}`);
      colours[`bright${name[0].toUpperCase()}${name.slice(1)}`] = colour(`--sw-terminal-${index + 8}`);
    });
    return colours;
  }

  const restyle = () => term && (term.options.theme = theme());
  new MutationObserver(restyle).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);

  // --- window ---
  function show() {
    place.hidden = find("keys").hidden = false;
    if (term) return term.reset();
    term = new window.Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--sw-mono"),
      fontSize: 13,
      scrollback: 5000,
      // Whatever colours a program chooses, they can be read.
      minimumContrastRatio: 4.5,
      screenReaderMode: localStorage.getItem(READER) === "1",
      theme: theme(),
    });
    fit = new window.FitAddon.FitAddon();
    term.loadAddon(fit);
    term.open(place);
    term.textarea.setAttribute("aria-label", root.getAttribute("aria-label"));
    term.onData(type);
    term.onBinary((text) => send(Uint8Array.from(text, (character) => character.charCodeAt(0))));
    term.onResize(({ cols, rows }) => tell({ resize: [cols, rows] }));
    term.onSelectionChange(() => (find("copy").hidden = !term.hasSelection()));
    term.attachCustomKeyEventHandler(keys);
    new ResizeObserver(() => place.hidden || fit.fit()).observe(place);
  }

  // False: the terminal does not get this key.
  function keys(event) {
    const isLeaving = event.ctrlKey && event.key === "F6";
    const isCopying = event.ctrlKey && event.shiftKey && event.code === "KeyC";
    const isPasting = event.ctrlKey && event.shiftKey && event.code === "KeyV";
    if (event.type === "keydown" && isLeaving) leave();
    if (event.type === "keydown" && isCopying) copy();
    if (isLeaving || isCopying) event.preventDefault();
    return !(isLeaving || isCopying || isPasting);
  }

  // What comes next where no terminal is open: by then it may be to start the container first.
  const door = () => document.getElementById("terminal-next") ?? form.elements.uid;

  function leave() {
    [find("close"), door()].find((element) => !element.closest("[hidden]"))?.focus();
    say(words.left);
  }

  function copy() {
    // Works without https, where there is no navigator.clipboard: xterm.js answers with its selection.
    if (term.hasSelection() && document.execCommand("copy")) say(words.copied);
    term.focus();
  }

  function type(text) {
    send(new TextEncoder().encode(text));
  }

  function send(bytes) {
    if (socket?.readyState !== WebSocket.OPEN) return;
    for (let at = 0; at < bytes.length; at += PIECE) socket.send(bytes.subarray(at, at + PIECE));
  }

  const tell = (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

  // --- states, said to those who do not see them, too ---
  function say(text) {
    status.textContent = text;
  }

  function over(text) {
    isOver = true;
    lostAt = null;
    clearInterval(alive);
    sessionStorage.removeItem(KEPT);
    number = null;
    form.hidden = false;
    find("close").hidden = true;
    // What was printed stays readable.
    if (term) term.options.disableStdin = true;
    say(text);
    if (root.contains(document.activeElement) || document.activeElement === document.body) door().focus();
  }

  const closed = (reason) => over(window.spocweb.fill(words.ended, reason));

  // --- opening and joining ---
  async function ask(path, body) {
    const token = form.querySelector('[name="csrfmiddlewaretoken"]').value;
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    const response = await fetch(`${words.url}${path}`, { method: "POST", headers, body: JSON.stringify(body), credentials: "same-origin" });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.message), { isRefused: true });
    return answer;
  }

  async function begin(path, body = {}) {
    if (lostAt === null) say(words.connecting);
    isOver = false;
    try {
      connect(await ask(path, body));
    } catch (error) {
      if (error.isRefused) closed(error.message);
      else lost();
    }
  }

  function connect(admission) {
    show();
    number = admission.terminal;
    sessionStorage.setItem(KEPT, number);
    const url = new URL(admission.socket, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      socket.send(admission.ticket);
      fit.fit();
      tell({ resize: [term.cols, term.rows] });
    });
    socket.addEventListener("message", ({ data }) => (typeof data === "string" ? hear(JSON.parse(data)) : term.write(new Uint8Array(data))));
    socket.addEventListener("close", lost);
  }

  function hear(message) {
    if (message.opened) opened(message.opened);
    else if (message.warning === "idle") say(window.spocweb.fill(words.idle, message.left_s));
    else if (message.end) closed(message.end.reason);
    else if (message.error) closed(message.error.brief);
  }

  function opened(about) {
    tries = 0;
    lostAt = null;
    graceMs = about.grace_s * 1000;
    form.hidden = true;
    find("close").hidden = false;
    term.options.disableStdin = false;
    clearInterval(alive);
    alive = setInterval(() => tell({ alive: true }), ALIVE_MS);
    say(words.open);
    term.focus();
  }

  // The connection went without a word: the terminal waits for us, for a while.
  function lost() {
    if (isOver) return;
    clearInterval(alive);
    lostAt ??= Date.now();
    if (number === null || Date.now() - lostAt > graceMs) return over(words.gone);
    say(words.lost);
    setTimeout(() => begin(`${number}/join/`), RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
  }

  // --- controls ---
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { uid, command } = Object.fromEntries(new FormData(form));
    const body = {};
    if (uid.trim()) body.uid = uid.trim();
    if (command.trim()) body.command = command.trim().split(/\s+/);
    begin("", body);
  });
  find("close").addEventListener("click", () => tell({ close: true }));
  find("copy").addEventListener("click", copy);
  document.addEventListener("click", (event) => {
    const join = event.target.closest("[data-join]");
    if (!join) return;
    isOver = true;
    socket?.close();
    begin(`${join.dataset.join}/join/`);
  });
  const reader = find("reader");
  reader.checked = localStorage.getItem(READER) === "1";
  reader.addEventListener("change", () => {
    localStorage.setItem(READER, reader.checked ? "1" : "0");
    if (term) term.options.screenReaderMode = reader.checked;
  });
  addEventListener("pagehide", () => ((isOver = true), socket?.close()));

  const kept = Number(sessionStorage.getItem(KEPT));
  if (kept) begin(`${kept}/join/`);
})();
