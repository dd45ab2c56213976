// The form of a definition: rows are added, moved and removed on the spot; the text beside it and what saving would do
// come from the server, which reads the form as it will when it is saved.
(() => {
  const form = document.getElementById("editor");
  if (!form || form.querySelector("fieldset:disabled")) return;
  const PATIENCE_MS = 250;
  let isChanged = document.getElementById("problems") !== null;

  const part_of = (element) => element.closest("[data-part]");
  const rows_of = (part) => part.querySelector("[data-rows]");

  function clone(part) {
    const template = form.querySelector(`template[data-template="${part.dataset.part}"]`);
    return template.content.firstElementChild.cloneNode(true);
  }

  function add(part) {
    const row = clone(part);
    rows_of(part).append(row);
    number(part);
    return row;
  }

  // Chosen from a list: a dependency before the list, a layer on top of the others.
  function choose(select) {
    if (!select.value) return;
    const part = part_of(select), rows = rows_of(part), row = clone(part);
    row.querySelector("[data-name]").textContent = select.value;
    row.querySelector("input").value = select.value;
    for (const button of row.querySelectorAll("button")) button.setAttribute("aria-label", `${button.title} ${select.value}`);
    if ("first" in rows.dataset) rows.querySelector("[data-fixed]").after(row);
    else select.closest("li").before(row);
    select.selectedOptions[0].remove();
    select.value = "";
    changed(part);
  }

  function number(part) {
    const label = { mount_volume: 0, mount_point: 0, mount_kind: 0, env_key: 0, env_value: 0 };
    for (const input of rows_of(part).querySelectorAll("[name][aria-label]")) {
      const count = ++label[input.name];
      const text = input.getAttribute("aria-label").replace(/\s*\d*$/, "");
      if (count) input.setAttribute("aria-label", `${text} ${count}`);
    }
  }

  function remove(button) {
    const part = part_of(button), row = button.closest("[data-row]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    give_back(part, row);
    row.remove();
    if (part.querySelector("[data-add-row]") && !rows_of(part).querySelector("[data-row]")) add(part);
    (next?.querySelector("input:not([type=hidden]), button, select") ?? part.querySelector("select, button"))?.focus();
    changed(part);
  }

  // What is taken out can be chosen again.
  function give_back(part, row) {
    const select = part.querySelector("select[data-add]"), name = row.querySelector("input[type=hidden]")?.value;
    if (select && name) select.add(new Option(name, name));
  }

  function move(button, up) {
    const row = button.closest("[data-row]"), other = up ? row.previousElementSibling : row.nextElementSibling;
    if (!other || other.hasAttribute("data-fixed")) return;
    up ? other.before(row) : other.after(row);
    button.focus();
    changed(part_of(button));
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-remove]")) event.preventDefault(), remove(button);
    else if (button.matches("[data-up]")) event.preventDefault(), move(button, true);
    else if (button.matches("[data-down]")) event.preventDefault(), move(button, false);
    else if (button.matches("[data-add-row]")) event.preventDefault(), add(part_of(button)).querySelector("input").focus();
  });

  form.addEventListener("change", (event) => event.target.matches("select[data-add]") && choose(event.target));

  // --- KEY=value lines pasted into a field become rows ---
  form.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (!event.target.matches('[name="env_key"]') || !/^\s*(export\s+)?[A-Za-z_]\w*=/.test(text)) return;
    event.preventDefault();
    const part = part_of(event.target);
    for (const line of text.split("\n")) {
      const match = line.trim().match(/^(?:export\s+)?([^=#\s]+)=(.*)$/);
      if (match) fill_env(part, match[1], match[2]);
    }
    changed(part);
  });

  function fill_env(part, key, value) {
    const empty = [...rows_of(part).children].find((row) => ![...row.querySelectorAll("input")].some((input) => input.value));
    const [keyInput, valueInput] = (empty ?? add(part)).querySelectorAll("input");
    keyInput.value = key;
    valueInput.value = value;
  }

  // --- marks: set here, not saved yet ---
  function mark(setting) {
    const input = setting.querySelector("[data-saved]");
    const value = input.type === "checkbox" ? (input.checked ? "on" : "") : input.value;
    setting.classList.toggle("sw-field-new", value !== input.dataset.saved);
    setting.classList.toggle("sw-field-set", value === input.dataset.saved && value !== "" && value !== input.placeholder);
  }

  // --- the text beside the form is the same object: whichever was changed last is what counts ---
  const leads = (which) => (form.elements.source.value = which);

  function changed(part) {
    isChanged = true;
    if (part) leads("form");
    part?.classList.add("sw-field-new");
    ask();
  }

  form.addEventListener("input", (event) => {
    leads(event.target.name === "text" ? "text" : "form");
    const setting = event.target.closest("[data-setting]");
    if (setting) mark(setting);
    changed(part_of(event.target));
  });

  // --- what it would be: asked for when typing pauses, only the newest answer counts ---
  let timer = null, asking = null;
  function ask() {
    clearTimeout(timer);
    // An answer to what was typed before would overwrite what is typed now.
    asking?.abort();
    timer = setTimeout(preview, PATIENCE_MS);
  }

  async function preview() {
    asking = new AbortController();
    const body = new URLSearchParams(new FormData(form));
    const html = await window.spocweb.ask(form.dataset.preview, { method: "POST", body, signal: asking.signal });
    if (html) window.spocweb.patch(html);
  }

  // --- leaving with unsaved changes asks first ---
  let isSent = false;
  form.addEventListener("submit", (event) => {
    // A second click is no second revision.
    if (isSent) event.preventDefault();
    isSent = true;
    isChanged = false;
  });
  form.querySelector("[data-discard]")?.addEventListener("click", () => (isChanged = false));
  addEventListener("beforeunload", (event) => isChanged && event.preventDefault());

  // --- the side menu knows where the page is ---
  const seen = new IntersectionObserver(
    (entries) => {
      const entry = entries.find((one) => one.isIntersecting);
      if (!entry) return;
      for (const link of document.querySelectorAll("#toc a")) {
        if (link.hash === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-15% 0px -70% 0px" },
  );
  const watch = () => form.querySelectorAll("section[id^=s-]").forEach((section) => seen.observe(section));
  document.addEventListener("spocweb:patched", watch);
  watch();
})();
