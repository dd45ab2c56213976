// Asks the server for parts of this page, and puts each element of the HTML in place of the one with the same id.
// What a person did to the page stays: focus, ticks, opened sections, where an output was scrolled to.
(() => {
  // The text of the answer, in the page's language; "" where there is nothing, null where it got lost or was not waited for.
  async function ask(url, options = {}) {
    const headers = { "HX-Request": "true", "Page-Language": document.documentElement.lang };
    try {
      const response = await fetch(url, { credentials: "same-origin", headers, ...options });
      // The session has ended.
      if (response.headers.has("HX-Refresh")) location.reload();
      if (response.status >= 500) return null;
      return response.ok ? await response.text() : "";
    } catch {
      return null;
    }
  }

  function remember(element) {
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    return {
      focus: focused && { id: focused.id, index: focusable(element).indexOf(focused) },
      ticked: [...element.querySelectorAll('input[type="checkbox"][name="container"]:checked')].map((box) => box.value),
      open: element.matches("details") ? element.open : null,
      menus: [...element.querySelectorAll("details[data-menu]")].map((menu) => menu.open),
      // Earlier lines have come, or are on their way.
      grown: [...element.querySelectorAll("pre[data-command]:is([data-grown], :has(.htmx-request))")],
      scrolled: new Map([...element.querySelectorAll("pre[data-command]")].map((pre) => [pre.dataset.command, pre.scrollTop])),
    };
  }

  function recall(element, state, wasOpenedByServer) {
    for (const value of state.ticked) {
      const box = element.querySelector(`input[name="container"][value="${CSS.escape(value)}"]`);
      if (box) box.checked = true;
    }
    // A section that the server opens now, because something happens in it, opens; otherwise it stays as it was.
    if (state.open !== null && !wasOpenedByServer) element.open = state.open;
    element.querySelectorAll("details[data-menu]").forEach((menu, index) => (menu.open = state.menus[index] ?? false));
    for (const old of state.grown) {
      const fresh = element.querySelector(`pre[data-command="${old.dataset.command}"]`);
      if (fresh && Number(fresh.dataset.last) <= Number(old.dataset.last)) fresh.replaceWith(old);
    }
    for (const pre of element.querySelectorAll("pre[data-command]")) {
      const top = state.scrolled.get(pre.dataset.command);
      pre.scrollTop = top === undefined ? pre.scrollHeight : top;
    }
    if (!state.focus) return;
    const target = (state.focus.id && document.getElementById(state.focus.id)) || focusable(element)[state.focus.index];
    target?.focus({ preventScroll: true });
  }

  const focusable = (element) => [...element.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];

  function replace(old, fresh) {
    const state = remember(old);
    const opens = fresh.matches("details") && fresh.open && !old.hasAttribute("data-was-open");
    if (fresh.matches("details") && (fresh.open || old.hasAttribute("data-was-open"))) fresh.setAttribute("data-was-open", "");
    old.replaceWith(fresh);
    recall(fresh, state, opens);
    window.htmx?.process(fresh);
  }

  // Rows come in a table, parts of a drawing in a drawing, which is only their wrapping.
  const unwrapped = (child) => (child.matches("table[data-rows]") ? [...child.rows] : child.matches("svg[data-rows]") ? [...child.children] : [child]);
  const elements = (content) => [...content.children].flatMap(unwrapped);

  // Returns the elements that have no place on this page, and so ask for more than a patch.
  function patch(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const homeless = [], first = [];
    for (const fresh of elements(template.content)) {
      const old = fresh.id && document.getElementById(fresh.id);
      const home = fresh.dataset.into && document.getElementById(fresh.dataset.into);
      if (old) replace(old, fresh);
      else if (home) "first" in fresh.dataset ? first.unshift([home, fresh]) : home.append(fresh);
      else homeless.push(fresh);
    }
    for (const [home, fresh] of first) home.prepend(fresh);
    document.dispatchEvent(new CustomEvent("spocweb:patched"));
    return homeless;
  }

  window.spocweb = Object.assign(window.spocweb ?? {}, { ask, patch });
})();
