// A drawing of dependencies: zoom, move, and walk along its links with the arrow keys. Links work without any of it.
(() => {
  const STEP = 1.25, SMALLEST = 0.2, LARGEST = 3, DRAG_PX = 4;

  const graph = () => document.getElementById("graph");
  const box = () => document.getElementById("graph-box");
  const node = (name) => document.getElementById(`node-${name}`);
  const natural = (svg) => ({ width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height });
  const scale_of = (svg) => svg.getBoundingClientRect().width / natural(svg).width;

  // What is at (x, y) of the box stays there.
  function zoom(scale, x, y) {
    const svg = graph(), frame = box();
    const old = scale_of(svg), fresh = Math.min(LARGEST, Math.max(SMALLEST, scale));
    const at = { x: x ?? frame.clientWidth / 2, y: y ?? frame.clientHeight / 2 };
    const size = natural(svg);
    svg.classList.remove("sw-graph-fit");
    svg.setAttribute("width", size.width * fresh);
    svg.setAttribute("height", size.height * fresh);
    frame.scrollLeft = (frame.scrollLeft + at.x) * (fresh / old) - at.x;
    frame.scrollTop = (frame.scrollTop + at.y) * (fresh / old) - at.y;
  }

  function fit() {
    const size = natural(graph()), frame = box();
    zoom(Math.min(1, frame.clientWidth / size.width, frame.clientHeight / size.height));
  }

  const zooms = { in: () => zoom(scale_of(graph()) * STEP), out: () => zoom(scale_of(graph()) / STEP), fit };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (button) zooms[button.dataset.zoom]();
  });

  document.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey || !box()?.contains(event.target)) return;
      event.preventDefault();
      const frame = box().getBoundingClientRect();
      zoom(scale_of(graph()) * (event.deltaY < 0 ? STEP : 1 / STEP), event.clientX - frame.left, event.clientY - frame.top);
    },
    { passive: false },
  );

  // --- keys ---
  const names = (text) => text.split(" ").filter(Boolean);
  const top_of = (element) => element.getBoundingClientRect().top;

  // The nearest of several, as one sees it.
  function nearest(from, found) {
    const distance = (other) => Math.abs(top_of(other) - top_of(from));
    return found.filter(Boolean).sort((one, other) => distance(one) - distance(other))[0];
  }

  function beside(from, step) {
    const tier = [...document.querySelectorAll(`#graph [data-tier="${from.dataset.tier}"]`)].sort((one, other) => top_of(one) - top_of(other));
    return tier[tier.indexOf(from) + step];
  }

  const ways = {
    ArrowLeft: (from) => nearest(from, names(from.dataset.needs).map(node)),
    ArrowRight: (from) => nearest(from, names(from.dataset.neededBy).map(node)),
    ArrowUp: (from) => beside(from, -1),
    ArrowDown: (from) => beside(from, 1),
  };

  document.addEventListener("keydown", (event) => {
    const frame = box();
    if (!frame?.contains(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const from = event.target.closest("[data-node]");
    if (from && ways[event.key]) {
      event.preventDefault();
      const to = ways[event.key](from);
      to?.focus({ preventScroll: true });
      to?.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else if (event.key === "+" || event.key === "-") {
      event.preventDefault();
      zooms[event.key === "+" ? "in" : "out"]();
    } else if (event.key === "0") {
      fit();
    }
  });

  // --- the lines of the container that is pointed at ---
  function point(name) {
    for (const edge of document.querySelectorAll("#graph-edges .edge")) {
      edge.classList.toggle("edge-near", name !== undefined && (edge.dataset.from === name || edge.dataset.to === name));
    }
  }

  const pointed = (event) => (event.target.closest ? event.target.closest("#graph [data-node]")?.dataset.node : undefined);
  document.addEventListener("pointerover", (event) => graph() && point(pointed(event)));
  document.addEventListener("focusin", (event) => graph() && point(pointed(event)));

  // --- moving by hand; a press that does not move is a click ---
  let drag = null;
  document.addEventListener("pointerdown", (event) => {
    const frame = box();
    if (!frame?.contains(event.target) || event.button !== 0 || event.pointerType === "touch") return;
    drag = { x: event.clientX, y: event.clientY, left: frame.scrollLeft, top: frame.scrollTop, moved: false };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const x = event.clientX - drag.x, y = event.clientY - drag.y;
    drag.moved ||= Math.hypot(x, y) > DRAG_PX;
    if (!drag.moved) return;
    box().scrollTo({ left: drag.left - x, top: drag.top - y, behavior: "instant" });
  });
  document.addEventListener("pointerup", () => setTimeout(() => (drag = null)));
  document.addEventListener("click", (event) => drag?.moved && box()?.contains(event.target) && event.preventDefault(), { capture: true });
  document.addEventListener("dragstart", (event) => box()?.contains(event.target) && event.preventDefault());
})();
