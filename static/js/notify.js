// One's own jobs, when they end: a note at the corner, and the count at the bell. What it says comes from the server, which
// also knows of which jobs nobody is told. Those that went well go by themselves and stay at the bell; the others stay.
(() => {
  const place = document.getElementById("toasts");
  if (!place) return;
  const ENDED = ["succeeded", "failed", "errored", "cancelled", "lost"];
  const STAYS_MS = 8000;
  const MOST = 4;

  document.addEventListener("spocweb:job", async ({ detail }) => {
    if (detail.user !== place.dataset.user || !ENDED.includes(detail.state)) return;
    // Its own page says it all.
    if (document.getElementById("job")?.dataset.job === String(detail.id)) return read(detail.id);
    await show(detail.id);
  });

  function read(job) {
    const csrfmiddlewaretoken = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const values = { job, csrfmiddlewaretoken };
    window.htmx.ajax("POST", place.dataset.read, { target: "#bell", swap: "outerHTML", values }).catch(() => {});
  }

  async function show(job) {
    const url = place.dataset.url.replace("0", job);
    const html = await window.spocweb.ask(url);
    // Lost: the bell counts it all the same.
    if (!html) return;
    const template = document.createElement("template");
    template.innerHTML = html;
    const toast = template.content.firstElementChild;
    // Nobody is told of it, or the event came twice.
    if (!toast || document.getElementById(toast.id)) return;
    while (place.childElementCount >= MOST) place.firstElementChild.remove();
    place.append(toast);
    window.htmx.process(toast);
    if (!("stays" in toast.dataset)) go_later(toast);
  }

  // Not while somebody reads it.
  function go_later(toast) {
    setTimeout(() => (toast.matches(":hover, :focus-within") ? go_later(toast) : toast.remove()), STAYS_MS);
  }

  place.addEventListener("htmx:afterRequest", (event) => event.target.closest(".sw-toast")?.remove());
})();
