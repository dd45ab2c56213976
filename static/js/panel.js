// What all pages share: dialogs, menus, copying, switching the theme, keys. Everything here has a way without script.
(() => {
  const dialog = document.getElementById("dialog");
  const popup = document.getElementById("popup");

  // --- dialogs: a link or form with data-dialog opens its page in the dialog ---
  const TRIES = 3, RETRY_MS = 300;
  let opener = null, isLeaving = false;
  window.addEventListener("pagehide", () => (isLeaving = true));
  window.addEventListener("pageshow", () => {
    isLeaving = false;
    for (const form of document.querySelectorAll("form[data-once]")) form.removeAttribute("data-sent");
  });

  function open(method, url, values) {
    opener = document.activeElement;
    popup?.matches(":popover-open") && popup.hidePopover();
    ask(method, url, { target: "#dialog", swap: "innerHTML", values }, method === "GET" ? TRIES : 1);
  }

  // What only reads is asked for again when the answer got lost; what asks for work may have been heard.
  function ask(method, url, options, tries) {
    return window.htmx.ajax(method, url, options).catch(() => {
      if (isLeaving) return;
      if (tries > 1) setTimeout(() => ask(method, url, options, tries - 1), RETRY_MS);
      else tell_lost();
    });
  }

  function tell_lost() {
    close();
    const notices = document.getElementById("notices");
    notices.replaceChildren(document.getElementById("lost-answer").content.cloneNode(true));
    notices.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    open("GET", link.href);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("form[data-dialog]")) {
      event.preventDefault();
      const values = values_of(new FormData(form, event.submitter));
      open("POST", form.action, values);
    } else if (form.matches("#dialog form[data-confirm], #dialog form[data-stay]")) {
      event.preventDefault();
      confirm(form, event.submitter);
    } else if (form.dataset.ask && !window.confirm(form.dataset.ask)) {
      event.preventDefault();
    } else if (form.hasAttribute("data-once")) {
      // A second click is no second job. A page that comes back from the browser's memory begins anew.
      if (form.hasAttribute("data-sent")) event.preventDefault();
      form.setAttribute("data-sent", "");
    }
  });

  function values_of(data) {
    const values = {};
    for (const [name, value] of data) (values[name] ??= []).push(value);
    return values;
  }

  function confirm(form, submitter) {
    const button = submitter ?? form.querySelector("button:not([type=button])");
    if (form.hasAttribute("data-sent")) return;
    // A second click while the first is on its way is not a second job.
    form.setAttribute("data-sent", "");
    button?.setAttribute("aria-disabled", "true");
    const target = form.matches("[data-confirm]") ? "#notices" : "#dialog";
    const done = () => {
      form.removeAttribute("data-sent");
      button?.removeAttribute("aria-disabled");
    };
    ask("POST", form.action, { target, swap: "innerHTML", values: values_of(new FormData(form, submitter)) }, 1).then(done);
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== dialog) return;
    if (!dialog.open) dialog.showModal();
    (dialog.querySelector("[aria-invalid=true]") ?? dialog.querySelector("#dialog-title"))?.focus();
  });

  // The server queued the job: the page stays, the notice says so, the events show the rest.
  document.addEventListener("spocweb:queued", () => {
    close();
    document.getElementById("notices").scrollIntoView({ block: "nearest" });
  });

  function close() {
    if (dialog?.open) dialog.close();
  }

  dialog?.addEventListener("close", () => {
    dialog.replaceChildren();
    // What has happened meanwhile may have put a new link in the opener's place.
    const same = opener?.href && document.querySelector(`a[data-dialog][href="${CSS.escape(opener.getAttribute("href"))}"]`);
    (opener?.isConnected ? opener : same)?.focus();
    opener = null;
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) close();
    // On the veil around it.
    else if (event.target === dialog && dialog.open) close();
  });

  // --- menus: one open at a time, closed by Escape and by a click elsewhere ---
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target) || event.target.closest("a[data-dialog]")) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details[data-menu][open]") ?? document.querySelector("details[data-menu][open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // --- the menu of a row: one for all rows, filled when asked for ---
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-popup]");
    if (!link || !popup?.showPopover || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    await window.htmx.ajax("GET", link.dataset.popup, { target: "#popup", swap: "innerHTML" });
    popup.showPopover();
    place(link);
    popup.querySelector("a")?.focus();
    opened_by = link;
  });

  let opened_by = null;
  popup?.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && popup.contains(document.activeElement)) opened_by?.focus();
  });

  function place(link) {
    const at = link.getBoundingClientRect();
    const size = popup.getBoundingClientRect();
    const below = at.bottom + size.height + 4 < innerHeight;
    popup.style.top = `${Math.max(4, below ? at.bottom + 4 : at.top - size.height - 4)}px`;
    popup.style.left = `${Math.max(4, at.right - size.width)}px`;
  }

  // Arrow keys walk through whatever menu has the focus.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const menu = event.target.closest?.(".dropdown-menu, details[data-menu]");
    if (!menu || event.target.matches("input, select, textarea")) return;
    const items = [...menu.querySelectorAll(".dropdown-item")].filter((item) => item.offsetParent);
    if (!items.length) return;
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    const index = items.indexOf(document.activeElement);
    items[(index + step + items.length) % items.length].focus();
  });

  // A button that is only a shape says its name to those who see it, too.
  document.addEventListener("pointerover", (event) => {
    const button = event.target.closest?.(".btn-square[aria-label]");
    if (button && !button.title) button.title = button.getAttribute("aria-label");
  });

  // So does what is cut off where it is narrow.
  document.addEventListener("pointerover", (event) => {
    const text = event.target.closest?.(".sw-clip, .sw-fixed .sw-name");
    if (text && text.scrollWidth > text.clientWidth) text.title = text.textContent;
  });

  // --- copy and wrap ---
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-text]");
    if (button) copy(button.dataset.copyText ?? text_of(document.querySelector(button.dataset.copy)));
    const wrap = event.target.closest("[data-wrap]");
    if (!wrap) return;
    const wrapped = document.querySelector(wrap.dataset.wrap).classList.toggle("sw-wrapped");
    wrap.setAttribute("aria-pressed", String(wrapped));
  });

  const text_of = (pre) => [...pre.children].map((line) => line.textContent).join("\n");

  async function copy(text) {
    await navigator.clipboard?.writeText(text);
  }

  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-wrap-box]");
    if (box) document.querySelector(box.dataset.wrapBox).classList.toggle("sw-unwrapped", !box.checked);
  });

  // --- theme ---
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-theme]")) return;
    event.preventDefault();
    const theme = event.submitter?.value ?? "";
    const age = theme ? 365 * 86400 : 0;
    document.cookie = `spocweb_theme=${theme}; path=/; max-age=${age}; samesite=lax`;
    if (theme) document.documentElement.dataset.bsTheme = theme;
    else delete document.documentElement.dataset.bsTheme;
    for (const button of event.target.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === theme));
    event.target.closest("details").open = false;
  });

  // --- keys: "/" finds in the list ---
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !typing && document.getElementById("find")) {
      event.preventDefault();
      document.getElementById("find").focus();
    }
  });

  // On a phone the tab that is open may lie beyond the edge.
  for (const tab of document.querySelectorAll(".sw-tabs [aria-current]")) tab.scrollIntoView({ block: "nearest", inline: "center" });

  // Of output, the end is what people look for.
  for (const pre of document.querySelectorAll("pre[data-end]")) pre.scrollTop = pre.scrollHeight;

  // A form that was refused: the summary is where to begin.
  document.getElementById("problems")?.focus();
})();
