// What is in use, as each sample brings it. An element says which number it shows:
//   data-host-use="cpu"                       of the host
//   data-meter="cpu"                          of a container, as a meter
//   data-use="cpu", in one of id="row-web" or data-use-of="web"   of a container
// The numbers are written as the server writes them (views/charts.py, forms/amounts.py).
(() => {
  const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

  function size(value) {
    let unit = 0;
    while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
    const text = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
    return `${text} ${UNITS[unit]}`;
  }

  const percent = (share) => `${share < 0.0995 ? (100 * share).toFixed(1) : (100 * share).toFixed(0)} %`;
  const known = (write) => (value) => (value == null ? "–" : write(value));
  const write = { percent: known(percent), size: known(size), rate: known((value) => `${size(Math.round(value))}/s`), count: known((value) => value.toFixed(0)) };

  const host = {
    cpu: (used) => (used.cpu == null ? "–" : percent(used.cpu / used.processors)),
    memory: (used) => size(used.memory_bytes),
    disk: (used) => percent(used.disk_bytes / used.disk_total_bytes),
  };
  const meters = ["cpu", "memory_bytes"];
  const container = {
    cpu: (used) => write.percent(used?.cpu),
    memory: (used) => write.size(used?.memory_bytes),
  };

  function show(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // What is set is drawn anew, also if it was the same.
  function fill(meter, value) {
    if (meter.value !== Math.min(value, meter.max)) meter.value = value;
  }

  document.addEventListener("spocweb:sample", ({ detail }) => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("[data-host-use]")) show(element, host[element.dataset.hostUse](detail.host));
    const used = (element) => {
      const home = element.closest("[data-use-of], [id^='row-']");
      return detail.containers[home.dataset.useOf ?? home.id.slice(4)];
    };
    for (const element of document.querySelectorAll("[data-use]")) show(element, container[element.dataset.use](used(element)));
    for (const meter of document.querySelectorAll("[data-meter]"))
      if (meters.includes(meter.dataset.meter)) fill(meter, used(meter)?.[meter.dataset.meter] ?? 0);
  });

  window.spocweb = Object.assign(window.spocweb ?? {}, { write });
})();
