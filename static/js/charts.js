// Draws what the API's metrics say, with uPlot. [data-charts] names the address; each [data-plot] in it the columns that it
// draws, data-write how their values are written, data-limit the column of a limit. The numbers of the same time stand in a
// table beside them, which is what a page without script has.
(() => {
  const HEIGHT = 132;
  // Samples that are this many times as far apart as they should be, and at least so many seconds, leave a gap.
  const LATE = 2.5, LATE_S = 30;
  const HOUR_S = 3600, MINUTE_MS = 60_000;
  // Steps of the axes, by how its values are written: what makes round numbers.
  const TWOS = Array.from({ length: 46 }, (_, power) => 2 ** power);
  const STEPS = { size: TWOS, rate: TWOS, count: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] };
  const fill = (text, ...values) => values.reduce((filled, value) => filled.replace("%s", value), text);

  // A colour as the canvas takes it: what a custom property stands for in the theme that is on.
  function colour(element, value) {
    const probe = element.appendChild(document.createElement("i"));
    probe.style.color = value;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  // The same with a hole wherever nothing was sampled for a while: uPlot would draw a line across.
  function interrupted({ interval_s, at, ...columns }) {
    const found = { at: [] };
    for (const name of Object.keys(columns)) found[name] = [];
    at.forEach((time, index) => {
      const isLate = index && time - at[index - 1] > Math.max(LATE * interval_s, LATE_S);
      if (isLate) found.at.push(at[index - 1] + interval_s);
      found.at.push(time);
      for (const name of Object.keys(columns)) {
        if (isLate) found[name].push(null);
        found[name].push(columns[name][index]);
      }
    });
    return found;
  }

  function highest(column) {
    const known = column.filter((value) => value != null);
    return known.length ? Math.max(...known) : null;
  }

  class Plot {
    constructor(charts, figure) {
      this.charts = charts;
      this.figure = figure;
      this.box = figure.querySelector(".sw-plot-box");
      this.text = figure.querySelector("[data-plot-text]");
      this.columns = figure.dataset.plot.split(" ");
      this.limit = figure.dataset.limit;
      this.write = window.spocweb.write[figure.dataset.write];
    }

    get names() {
      return this.limit ? [...this.columns, this.limit] : this.columns;
    }

    draw(data) {
      this.data = [data.at, ...this.names.map((name) => data[name])];
      if (this.chart) this.chart.setData(this.data);
      else this.make();
      this.tell();
    }

    make() {
      this.chart?.destroy();
      this.chart = new window.uPlot(this.options(), this.data, this.box);
    }

    options() {
      const of = (value) => colour(this.box, value);
      const axis = { stroke: of("var(--sw-text-2)"), font: "500 10px Inter, system-ui, sans-serif", ticks: { show: false } };
      const grid = { stroke: of("var(--sw-line)"), width: 1 };
      const inks = [
        { stroke: of("var(--sw-brand)"), fill: of("color-mix(in srgb, var(--sw-brand) 12%, transparent)") },
        { stroke: of("var(--sw-cold)"), dash: [4, 2] },
      ];
      const steps = STEPS[this.figure.dataset.write];
      const limit = { stroke: of("var(--sw-warn)"), dash: [3, 3], width: 1 };
      return {
        width: this.box.clientWidth,
        height: HEIGHT,
        padding: [8, 6, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: this.charts.url }, points: { size: 5 } },
        tzDate: (time) => window.uPlot.tzDate(new Date(time * 1000), this.charts.zone),
        scales: { x: { range: () => this.charts.range }, y: { range: (_, __, most) => [0, (most || 0.01) * 1.1] } },
        axes: [
          { ...axis, grid: { show: false }, space: 64, size: 24, gap: 4, values: (chart, times) => times.map((time) => this.charts.clock(time)) },
          { ...axis, grid, ...(steps && { incrs: steps }), space: 34, size: 62, gap: 6, values: (_, values) => values.map((value) => (value ? this.write(value) : "0")) },
        ],
        series: [{}, ...this.columns.map((_, index) => ({ ...inks[index], width: 1.5, points: { show: false } })), ...(this.limit ? [{ ...limit, points: { show: false } }] : [])],
        hooks: { setCursor: [(chart) => this.tell(chart.cursor.idx)] },
      };
    }

    // What stands above: the values under the pointer, or else those of now and the highest; of a day only the highest.
    tell(index) {
      const [at, ...columns] = this.data;
      const texts = this.charts.section.dataset;
      const limit = this.limit && columns.at(-1).findLast((value) => value != null);
      const isPointed = index != null && at[index] != null;
      if (isPointed) {
        this.text.textContent = `${this.charts.clock(at[index])} · ${this.both((column) => column[index])}`;
        return;
      }
      const now = this.both((column) => column.at(-1)), most = fill(texts.mostText, this.both(highest));
      const parts = [...(this.charts.isLive ? [fill(texts.nowText, now)] : []), ...(this.charts.isLive && this.columns.length > 1 ? [] : [most])];
      this.text.textContent = [...parts, ...(limit ? [fill(texts.limitText, this.write(limit))] : [])].join(", ");
      this.box.setAttribute("aria-label", `${this.figure.querySelector("h3").textContent}: ${this.text.textContent}`);
    }

    // The value that `pick` takes of each column that is drawn, in words.
    both(pick) {
      const written = this.columns.map((_, index) => this.write(pick(this.data[index + 1])));
      return written.length > 1 ? fill(this.charts.section.dataset.bothText, ...written) : written[0];
    }
  }

  class Charts {
    constructor(section) {
      this.section = section;
      this.url = section.dataset.charts;
      this.seconds = Number(section.dataset.seconds);
      this.zone = section.dataset.zone;
      this.hours = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: this.zone });
      this.plots = [...section.querySelectorAll("[data-plot]")].map((figure) => new Plot(this, figure));
      new ResizeObserver(() => this.resize()).observe(section);
      this.load();
    }

    // A day is drawn from means by the minute: they do not say what is now.
    get isLive() {
      return this.seconds <= HOUR_S;
    }

    get range() {
      const now = Date.now() / 1000;
      return [now - this.seconds, now];
    }

    clock(time) {
      return this.hours.format(time * 1000);
    }

    // All of the time that is shown; of an hour, later, only what has come since.
    async load() {
      if (this.isLoading) return;
      this.isLoading = true;
      const known = this.isLive ? this.data : null;
      const since = known?.at.length ? known.at.at(-1) + 0.1 : this.range[0];
      try {
        const response = await fetch(`${this.url}?since=${new Date(since * 1000).toISOString()}`, { credentials: "same-origin" });
        if (!response.ok) return;
        this.keep(await response.json(), known);
        this.draw();
      } catch {
        // The answer got lost: the next sample asks again.
      } finally {
        this.isLoading = false;
      }
    }

    keep(fresh, known) {
      this.data = fresh;
      this.loadedAt = Date.now();
      if (!known) return;
      const first = known.at.findIndex((time) => time >= this.range[0]);
      const old = (column) => (first < 0 ? [] : column.slice(first));
      for (const name of Object.keys(fresh)) if (name !== "interval_s") fresh[name] = [...old(known[name]), ...fresh[name]];
    }

    draw() {
      const data = interrupted(this.data);
      // Axes without a line look like something that is broken.
      const isEmpty = this.plots.every((plot) => plot.columns.every((name) => highest(data[name]) === null));
      this.section.querySelector(".sw-plots").hidden = isEmpty;
      this.section.querySelector("[data-empty]").hidden = !isEmpty;
      if (isEmpty) return;
      for (const plot of this.plots) plot.draw(data);
      if (this.isLive) this.count();
    }

    // What the samples themselves do not bring (see use.js).
    count() {
      const use = this.section.parentElement;
      for (const element of use.querySelectorAll("[data-now]")) {
        const plot = this.plots.find((one) => one.columns.includes(element.dataset.now));
        element.textContent = plot.write(this.data[element.dataset.now].at(-1));
      }
      const processes = use.querySelector("[data-meter=processes]");
      if (processes) processes.value = this.data.processes.at(-1) ?? 0;
    }

    hear() {
      if (document.hidden) return;
      if (this.isLive || Date.now() - this.loadedAt > MINUTE_MS) this.load();
    }

    // Another theme has other colours.
    remake() {
      if (this.data) for (const plot of this.plots) if (plot.chart) plot.make();
    }

    resize() {
      for (const { chart, box } of this.plots) if (chart && box.clientWidth && chart.width !== box.clientWidth) chart.setSize({ width: box.clientWidth, height: HEIGHT });
    }
  }

  let all = [];
  function look() {
    all = all.filter(({ section }) => section.isConnected);
    for (const section of document.querySelectorAll("[data-charts]"))
      if (!all.some((charts) => charts.section === section)) all.push(new Charts(section));
  }

  const each = (act) => () => all.forEach(act);
  document.addEventListener("spocweb:sample", each((charts) => charts.hear()));
  document.addEventListener("visibilitychange", each((charts) => charts.hear()));
  document.addEventListener("spocweb:patched", look);
  const remake = each((charts) => charts.remake());
  new MutationObserver(remake).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", remake);

  // A table that is opened shows the numbers of now, as the chart does.
  document.addEventListener(
    "toggle",
    async ({ target }) => {
      if (!target.open || !target.dataset.refresh) return;
      const html = await window.spocweb.ask(new URL(target.dataset.refresh, location.href));
      if (html) window.spocweb.patch(html);
    },
    { capture: true },
  );
  look();
})();
