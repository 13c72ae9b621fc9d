// The punch card by keyboard: one tab stop a line, arrows move inside it and from line to line.
// Without this file every character is a tab stop of its own.
"use strict";
(() => {
  const lines = () => [...document.querySelectorAll("[data-roving]")];
  const links = (line) => [...line.querySelectorAll("a")];
  const rove = () => {
    for (const line of lines()) {
      const all = links(line);
      if (!all.some((each) => each.tabIndex === 0 && each.dataset.roved)) {
        all.forEach((each, at) => { each.tabIndex = at === 0 ? 0 : -1; each.dataset.roved = "1"; });
      } else {
        for (const each of all) if (!each.dataset.roved) { each.tabIndex = -1; each.dataset.roved = "1"; }
      }
    }
  };
  const go = (from, to) => {
    if (!to) return;
    for (const each of links(to.closest("[data-roving]"))) each.tabIndex = each === to ? 0 : -1;
    if (from.closest("[data-roving]") === to.closest("[data-roving]")) from.tabIndex = from === to ? 0 : -1;
    to.focus();
  };
  const step = (link, key) => {
    const line = link.closest("[data-roving]"), all = links(line), at = all.indexOf(link), rows = line.classList.contains("rows");
    const other = (by) => {
      const every = lines(), next = every[every.indexOf(line) + by];
      if (!next) return undefined;
      const found = links(next);
      return next.classList.contains("rows") && by < 0 ? found.at(-1) : found[Math.min(next.classList.contains("rows") ? 0 : at, found.length - 1)];
    };
    switch (key) {
      case "ArrowRight": return all[at + 1];
      case "ArrowLeft": return all[at - 1];
      case "Home": return all[0];
      case "End": return all.at(-1);
      case "ArrowDown": return rows ? all[at + 1] || other(1) : other(1);
      case "ArrowUp": return rows ? all[at - 1] || other(-1) : other(-1);
      default: return undefined;
    }
  };
  document.addEventListener("keydown", (event) => {
    const link = event.target.closest?.("[data-roving] a");
    if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = step(link, event.key);
    if (to) { event.preventDefault(); go(link, to); }
  });
  rove();
  document.addEventListener("htmx:after:swap", rove);
})();
