// Selecting rows of the container list: the bar of actions, how many each applies to, whom it reaches beside them.
(() => {
  const selected = new Set();
  const boxes = () => [...document.querySelectorAll('#rows input[name="container"]')];
  const MOST_NAMES = 5;

  // All that is up: its name, and what it needs. What stands on other pages is as it was when this one came.
  function* needs(bar) {
    yield* Object.entries(JSON.parse(bar.dataset.elsewhere));
    for (const row of document.querySelectorAll("#rows tr[data-up]")) yield [row.id.slice(4), row.dataset.needs.split(" ")];
  }

  function dependents(bar, names) {
    const neededBy = new Map();
    for (const [name, needed] of needs(bar)) {
      for (const need of needed) if (need) (neededBy.get(need) ?? neededBy.set(need, []).get(need)).push(name);
    }
    const reached = new Set(), rest = [...names];
    while (rest.length) {
      for (const name of neededBy.get(rest.pop()) ?? []) {
        if (!reached.has(name) && !names.has(name)) rest.push(name) && reached.add(name);
      }
    }
    return [...reached].sort();
  }

  function show() {
    const bar = document.querySelector("[data-bulk]");
    if (!bar) return;
    const all = boxes();
    const rows = all.filter((box) => box.checked).map((box) => box.closest("tr"));
    const up = rows.filter((row) => "up" in row.dataset);
    bar.classList.toggle("sw-bulk-on", rows.length > 0);
    bar.querySelector("[data-bulk-count]").textContent = fill(bar.dataset.text, rows.length, all.length);
    for (const button of bar.querySelectorAll("[data-counts]")) {
      const count = button.dataset.counts === "up" ? up.length : rows.length - up.length;
      button.querySelector("[data-n]").textContent = ` ${count}`;
      button.toggleAttribute("disabled", count === 0);
    }
    bar.querySelector("[data-bulk-reach]").textContent = reach(bar, new Set(up.map((row) => row.id.slice(4))));
    bar.querySelector("[data-bulk-clear]").hidden = false;
    for (const box of all) box.closest("tr").classList.toggle("sw-picked", box.checked);
    mark_all(all, rows.length);
  }

  function reach(bar, names) {
    const reached = dependents(bar, names);
    if (!reached.length) return "";
    const more = reached.length - MOST_NAMES;
    const shown = reached.slice(0, MOST_NAMES).join(", ");
    return fill(bar.dataset.reach, more > 0 ? `${shown}, ${fill(bar.dataset.more, more)}` : shown);
  }

  function mark_all(all, count) {
    const box = document.querySelector("[data-select-all]");
    if (!box) return;
    mark(box, count, all.length);
    for (const head of document.querySelectorAll("#rows [data-select-group]")) {
      const own = members(head.closest("tr"));
      mark(head, own.filter((one) => one.checked).length, own.length);
    }
  }

  function mark(box, count, all) {
    box.checked = count > 0 && count === all;
    box.indeterminate = count > 0 && count < all;
  }

  // Up and down go from row to row, to the same thing in it; Home and End to the first and the last.
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest?.("#rows > tr");
    if (!row || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest("details[open]")) return;
    const next = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling, Home: row.parentElement.firstElementChild, End: row.parentElement.lastElementChild }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    if (next) focus_in(next, place(row, event.target), event.key);
  });

  const stops = (row) => [...row.querySelectorAll("a[href], input, button")].filter((element) => element.offsetParent !== null);
  // Which cell, and the how-many-th thing in it: rows differ in what they offer.
  const place = (row, element) => ({ cell: element.closest("td, th").cellIndex, index: stops(element.closest("td, th")).indexOf(element) });

  function focus_in(row, { cell, index }, key) {
    if (!row) return;
    const own = stops(row.cells[cell] ?? row);
    const target = own[Math.min(index, own.length - 1)] ?? stops(row)[0];
    if (target) target.focus();
    else focus_in(key === "ArrowUp" || key === "End" ? row.previousElementSibling : row.nextElementSibling, { cell, index }, key);
  }

  function fill(text, ...values) {
    let index = 0;
    return text.replace(/%\((\w+)\)s|%s/g, () => values[index++]);
  }

  let last = null;
  document.addEventListener("click", (event) => {
    if (event.target.matches("[data-bulk-clear]")) {
      for (const box of boxes()) box.checked = false;
      remember();
      document.querySelector("[data-select-all]")?.focus();
    }
    // Shift: all between this box and the last one.
    if (event.shiftKey && event.target.matches('#rows input[name="container"]') && last?.isConnected) {
      const all = boxes();
      const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((one, other) => one - other);
      for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
      remember();
    }
    if (event.target.matches('#rows input[name="container"]')) last = event.target;
  });

  // The boxes below a group's head, up to the next one.
  function members(head) {
    const found = [];
    for (let row = head.nextElementSibling; row && !row.matches(".sw-group"); row = row.nextElementSibling) found.push(...row.querySelectorAll('input[name="container"]'));
    return found;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-all]")) for (const box of boxes()) box.checked = event.target.checked;
    else if (event.target.matches("[data-select-group]")) for (const box of members(event.target.closest("tr"))) box.checked = event.target.checked;
    else if (!event.target.matches('#rows input[name="container"]')) return;
    remember();
  });

  function remember() {
    selected.clear();
    for (const box of boxes()) if (box.checked) selected.add(box.value);
    show();
  }

  // After a search or a sort the rows are other elements: what was selected and is still there stays selected.
  function recall() {
    for (const box of boxes()) box.checked = selected.has(box.value);
    show();
  }

  document.addEventListener("htmx:afterSettle", (event) => event.target.id === "list" && recall());
  document.addEventListener("spocweb:patched", show);
  document.addEventListener("spocweb:queued", () => {
    for (const box of boxes()) box.checked = false;
    remember();
  });
  remember();
})();
