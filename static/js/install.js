// The form of an installation: questions that another answer makes needless are hidden, buttons put values in on the spot,
// and what stands beside the form comes from the server, which reads it as it will when it is sent.
(() => {
  const form = document.getElementById("install");
  if (!form) return;
  const PATIENCE_MS = 250;

  // --- questions that hang on another one: the server leaves out those that are not asked, so nothing is emptied here ---
  function answer_to(name) {
    const inputs = [...form.querySelectorAll(`[name="answers.${CSS.escape(name)}"]`)];
    if (inputs[0]?.type === "checkbox") return String(inputs[0].checked);
    if (inputs[0]?.type === "radio") return inputs.find((input) => input.checked)?.value ?? "";
    return inputs[0]?.value ?? "";
  }

  // In the order of the page: one that is hidden hides those that hang on it.
  function show_what_is_asked() {
    for (const row of form.querySelectorAll("[data-visible-if]")) {
      const other = form.querySelector(`[data-question="${CSS.escape(row.dataset.visibleIf)}"]`);
      row.hidden = other.hidden || answer_to(row.dataset.visibleIf) !== row.dataset.visibleEquals;
    }
  }

  // --- values that a button puts in ---
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const LENGTH = 24;

  function password() {
    const found = [];
    // What would make the first letters likelier than the last is thrown away.
    const most = 256 - (256 % LETTERS.length);
    while (found.length < LENGTH) {
      for (const number of crypto.getRandomValues(new Uint8Array(LENGTH))) if (number < most) found.push(LETTERS[number % LETTERS.length]);
    }
    return found.slice(0, LENGTH).join("");
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-put], [data-generate]");
    if (!button) return;
    event.preventDefault();
    const input = button.parentElement.querySelector("input");
    input.value = button.dataset.put ?? password();
    // To be read: it is a person who will type it.
    if (button.hasAttribute("data-generate")) input.type = "text";
    else button.hidden = true;
    input.focus();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // --- what it would be: asked for when typing pauses, only the newest answer counts ---
  let timer = null, asking = null;
  form.addEventListener("input", () => {
    show_what_is_asked();
    if (!form.dataset.preview) return;
    clearTimeout(timer);
    asking?.abort();
    timer = setTimeout(preview, PATIENCE_MS);
  });

  async function preview() {
    asking = new AbortController();
    const body = new URLSearchParams(new FormData(form));
    const before = new Set(lines().map((line) => line.textContent));
    const html = await window.spocweb.ask(form.dataset.preview, { method: "POST", body, signal: asking.signal });
    if (!html) return;
    window.spocweb.patch(html);
    // What the last answer changed.
    if (before.size) for (const line of lines()) line.classList.toggle("sw-line-new", !before.has(line.textContent));
  }

  const lines = () => [...document.querySelectorAll("#install-lines > span")];

  show_what_is_asked();
})();
