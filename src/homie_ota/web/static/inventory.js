// The list of devices in the browser: keys, rows that stay where they are, and the strip at the bottom.
// Without this file the list is a table with check boxes, and the strip a page of its own.
"use strict";
(() => {
  const body = document.getElementById("devices"), order = document.getElementById("moved"), moves = document.getElementById("moves");
  const form = document.getElementById("pick"), query = document.getElementById("q"), words = moves.dataset;
  const rows = () => [...body.rows];
  const box = (row) => row.querySelector("input[name=device]");
  const refill = () => document.dispatchEvent(new Event("visibilitychange"));  // common.js writes the times

  // --- choosing: what was chosen stays chosen, whatever is drawn anew ---
  const chosen = new Set();
  const mark = (row) => {
    const found = box(row);
    if (!found) return;
    found.checked = chosen.has(found.value);
    row.classList.toggle("chosen", found.checked);
  };
  body.addEventListener("change", (event) => {
    if (event.target.name !== "device") return;
    chosen[event.target.checked ? "add" : "delete"](event.target.value);
    mark(event.target.closest("tr"));
  });
  for (const row of rows()) if (box(row)?.checked) chosen.add(box(row).value);

  // --- the current row ---
  let current = null;
  const go = (row) => {
    if (!row) return;
    current?.classList.remove("current");
    current = row;
    row.classList.add("current");
    (box(row) || row.querySelector("a")).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  body.addEventListener("focusin", (event) => { const row = event.target.closest("tr"); if (row !== current) go(row); });
  const step = (by) => {
    const all = rows(), at = all.indexOf(current);
    go(all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))]);
  };

  // --- rows never move by themselves: it is said how many would ---
  const stay = (places) => {  // the most that can stay where they are: the longest rising row of places
    const ends = [];
    for (const place of places) {
      let low = 0, high = ends.length;
      while (low < high) { const middle = (low + high) >> 1; if (ends[middle] < place) low = middle + 1; else high = middle; }
      ends[low] = place;
    }
    return ends.length;
  };
  const compare = () => {
    const place = new Map((order.dataset.order || "").split(" ").filter(Boolean).map((pk, at) => [`row-${pk}`, at]));
    if (!body.rows.length && place.size) { sort(); return; }  // nothing is there that could jump
    const all = rows(), here = all.filter((row) => place.has(row.id));
    for (const row of all) row.classList.toggle("gone", !place.has(row.id));
    const numbers = [[here.length - stay(here.map((row) => place.get(row.id))), words.moved], [place.size - here.length, words.fresh], [all.length - here.length, words.gone]];
    const said = numbers.filter(([number]) => number).map(([number, word]) => `${number} ${word}`);
    const text = said.length ? `${said.join(", ")} — ` : "";
    const label = moves.querySelector("span");
    if (label.textContent !== text) label.textContent = text;
    moves.hidden = !said.length;
  };
  const sort = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const id = current?.id, had = body.contains(document.activeElement);
    body.replaceChildren(...fresh.getElementById("devices").rows);
    for (const name of ["#moved", "#summary", "#pages"]) document.querySelector(name).replaceWith(fresh.querySelector(name));
    Object.assign(order.dataset, document.getElementById("moved").dataset);
    document.getElementById("moved").replaceWith(order);
    rows().forEach(mark);
    for (const value of chosen) if (!rows().some((row) => box(row)?.value === value)) chosen.delete(value);
    current = null;
    const back = id && document.getElementById(id);
    if (back && had) go(back); else if (back) { current = back; back.classList.add("current"); }
    refill();
    compare();
  };
  moves.querySelector("button").addEventListener("click", sort);
  // What is not on this page has no place here: such a row is counted as new.
  document.addEventListener("htmx:before:swap", (event) => {
    const { tasks } = event.detail;
    for (let at = tasks.length - 1; at >= 0; at--) if (tasks[at].type === "partial" && !tasks[at].target) tasks.splice(at, 1);
  });
  document.addEventListener("htmx:after:swap", () => { rows().forEach(mark); compare(); });
  rows().forEach(mark);
  compare();

  // --- the strip: the same page as without scripts, of which only the strip is shown ---
  const strip = () => document.getElementById("strip");
  const close = () => { strip().hidden = true; strip().replaceChildren(); if (current) go(current); };
  const open = async (address, options) => {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, ...options });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = fresh.getElementById("strip") || fresh.querySelector("main");
    if (answer.redirected && !fresh.getElementById("strip")) { location.href = answer.url; return; }
    const focused = document.activeElement?.name;
    strip().replaceChildren(...found.childNodes);
    strip().hidden = false;
    for (const each of strip().querySelectorAll("[data-close]")) { each.hidden = false; each.addEventListener("click", close); }
    for (const each of strip().querySelectorAll("[data-look]")) each.hidden = true;
    refill();
    const first = strip().querySelector(focused === "firmware" ? "select[name=firmware]" : "select, button:not([hidden])");
    (first || strip().querySelector("a"))?.focus();
  };
  let judging = 0;
  const address = (fields) => `${form.action}?${new URLSearchParams(new FormData(fields))}`;
  form?.addEventListener("submit", (event) => { event.preventDefault(); open(address(form)); });
  document.addEventListener("change", (event) => {
    const judged = event.target.closest?.("#strip [data-judge]");
    if (!judged || event.target.name !== "firmware") return;
    clearTimeout(judging);  // who types the name of an image chooses several on the way
    judging = setTimeout(() => open(address(judged)), 400);
  });
  document.addEventListener("submit", (event) => {
    const to = event.target;
    if (to.matches("#strip [data-judge]")) { event.preventDefault(); open(address(to)); }
    if (to.matches("#strip [data-act]")) {
      event.preventDefault();
      open(to.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(to, event.submitter)) });
    }
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !strip().hidden) close(); });

  // --- keys ---
  const help = document.getElementById("list-keys").dataset;
  window.keys.add("/", () => { query.focus(); query.select(); }, help.query);
  window.keys.add("j", () => step(1), help.down);
  window.keys.add("k", () => step(-1), help.up);
  window.keys.add("o", () => current?.querySelector("td.id a")?.click(), help.open);
  window.keys.add("r", sort, help.sort);
  if (form) {
    window.keys.add("x", () => { if (!current) step(1); const found = current && box(current); if (found) found.click(); }, help.choose);
    window.keys.add("u", () => { if (!chosen.size && current) box(current).click(); if (chosen.size) form.requestSubmit(); }, help.act);
  }
  // From the field of the query Escape leads to the first row.
  query.addEventListener("keydown", (event) => { if (event.key === "Escape") { query.blur(); step(0); } });
})();
