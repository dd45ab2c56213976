// The field at the top of every page, as a combobox with a list of options (WAI-ARIA APG, "Editable Combobox With List
// Autocomplete", the first option chosen by itself). The focus stays in the field; the server chooses the options and
// their words. Without script the field is a form that leads to the page of results.
(() => {
  const form = document.querySelector("form[data-palette]");
  if (!form) return;
  const input = form.querySelector("input");
  const list = document.getElementById("palette-list");
  const status = document.getElementById("palette-status");
  const PATIENCE_MS = 120;

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");

  let timer = null, request = null;
  const options = () => [...list.querySelectorAll("a[role=option]")];
  const current = () => list.querySelector('[aria-selected="true"]');
  const isOpen = () => !list.hidden;

  function choose(option) {
    current()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function show() {
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  function close() {
    clearTimeout(timer);
    request?.abort();
    choose(null);
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    status.textContent = "";
  }

  // What was typed since the answer was asked for makes it worthless.
  async function ask() {
    request?.abort();
    const mine = (request = new AbortController());
    const url = new URL(form.action);
    url.searchParams.set("q", input.value);
    url.searchParams.set("options", "1");
    const html = await window.spocweb.ask(url, { signal: mine.signal });
    if (mine.signal.aborted) return;
    if (!html) return lost();
    list.innerHTML = html;
    show();
    choose(options()[0]);
    status.textContent = list.querySelector("[data-count]").textContent;
  }

  function lost() {
    list.hidden = true;
    status.textContent = form.dataset.lost;
  }

  function open_soon() {
    clearTimeout(timer);
    timer = setTimeout(ask, PATIENCE_MS);
  }

  function move(step) {
    const all = options();
    if (!all.length) return;
    const at = all.indexOf(current());
    choose(all[(at + step + all.length) % all.length]);
  }

  const keys = {
    ArrowDown: () => (isOpen() ? move(1) : ask()),
    ArrowUp: () => (isOpen() ? move(-1) : ask()),
    Escape: () => (isOpen() ? close() : (input.value = "")),
  };

  function go(option) {
    close();
    input.value = "";
    option.click();
  }

  input.addEventListener("input", open_soon);
  input.addEventListener("click", () => isOpen() || ask());
  input.addEventListener("keydown", (event) => {
    if (event.key === "Tab") return close();
    if (event.isComposing) return;
    if (event.key === "Enter") {
      // Without an option that is chosen, the form leads to the page of results.
      if (!isOpen() || !current()) return;
      event.preventDefault();
      go(current());
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  // A click on an option must not take the focus before it arrives.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    if (event.target.closest("a[role=option]")) setTimeout(close);
  });
  input.addEventListener("blur", () => setTimeout(() => form.contains(document.activeElement) || close()));

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    // A dialog keeps the focus in itself.
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (!input.offsetParent) return location.assign(form.action);
    input.focus();
    input.select();
    ask();
  });
})();
