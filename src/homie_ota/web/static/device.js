// The page of a device: copies transcripts, sets properties without loading the page again, and draws curves.
// Without this file every form and every number is there all the same.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const say = (text, bad) => {
    const answer = document.getElementById("answer");
    if (!answer) return;
    answer.textContent = text;
    answer.className = bad ? "banner bad" : "banner good";
    answer.hidden = false;
  };

  // --- Copy. The clipboard of the browser is there for https only; what is selected can be copied anywhere. ---
  async function copy(button) {
    const from = document.getElementById(button.dataset.copy);
    if (!from) return;
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(from.textContent);
    } catch {
      getSelection().selectAllChildren(from);
      document.execCommand("copy");
    }
    button.textContent = "✓ " + before.replace(/^✓ /, "");
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (button) copy(button);
  });

  // --- Set a property. The new value comes by the stream, when the device has told it. ---
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !("set" in form.dataset)) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    // Not `form.action`: that is the field of this name.
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { Accept: "text/plain" } });
      say((await answer.text()).trim(), !answer.ok);
    } catch (error) {
      say(String(error), true);
    }
  });

  // --- Keys. ---
  const words = document.getElementById("device-keys")?.dataset;
  const go = (id) => {
    const part = document.getElementById(id);
    part?.scrollIntoView({ block: "start" });
    const control = part?.querySelector("button:enabled, input:enabled:not([type=hidden]), select:enabled");
    (control || part?.querySelector("summary, [tabindex]"))?.focus({ preventScroll: true });
  };
  if (words && window.keys) {
    window.keys.add("v", () => go("values"), words.values);
    window.keys.add("i", () => go("images"), words.images);
    window.keys.add("h", () => go("history"), words.history);
    window.keys.add("w", () => go("why"), words.why);
    window.keys.add("t", () => { const said = document.getElementById("transcript"); if (said) said.open = !said.open; }, words.transcript);
  }

  // --- Curves. ---
  const figures = [...document.querySelectorAll("figure.curve")];
  const plots = new Map();
  let span = "day";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const probe = (name) => {
    // light-dark(…) is only worked out where it is used.
    const made = document.createElement("i");
    made.style.color = `var(${name})`;
    document.body.append(made);
    const found = getComputedStyle(made).color;
    made.remove();
    return found || colour(name);
  };
  const duration = (s) => s >= 172800 ? `${Math.round(s / 86400)} d` : s >= 7200 ? `${Math.round(s / 3600)} h` : s >= 120 ? `${Math.round(s / 60)} min` : `${Math.round(s)} s`;
  const written = {
    uptime: (v) => duration(v),
    heap: (v) => `${Math.round(v / 102.4) / 10} KB`,
    signal: (v) => `${Math.round(v)} %`,
  };

  function draw(figure, told) {
    const place = figure.querySelector(".plot");
    plots.get(figure)?.destroy();
    plots.delete(figure);
    if (told.times.length < 2) return;
    const ink = probe("--quiet"), line = probe("--line"), mark = probe("--mark"), paper = probe("--mark-paper");
    const write = written[figure.dataset.metric] || String;
    const two = (n) => String(n).padStart(2, "0");
    const moment = (s) => { const at = new Date(s * 1000); return { day: `${at.getDate()} ${at.toLocaleDateString([], { month: "short" })}`, time: `${two(at.getHours())}:${two(at.getMinutes())}` }; };
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px monospace" };
    const plain = { width: 0, points: { show: false }, stroke: "transparent" };
    const options = {
      width: Math.max(240, place.clientWidth || figure.clientWidth), height: 150,
      cursor: { y: false }, legend: { show: true, live: true },
      scales: { x: { min: told.since, max: told.until } },
      axes: [{ ...axis, values: (_u, splits) => splits.map((s) => moment(s)[told.span === "day" ? "time" : "day"]) }, { ...axis, size: 62, values: (_u, values) => values.map((v) => v === null ? "" : write(v)) }],
      series: [
        { label: "", value: (_u, v) => v === null ? "" : `${moment(v).day} ${moment(v).time}` },
        { label: figure.dataset.label, stroke: mark, width: 1.5, points: { show: false }, value: (_u, v) => v === null ? "–" : write(v), spanGaps: false },
        { ...plain, label: "↓", value: (_u, v) => v === null ? "–" : write(v) },
        { ...plain, label: "↑", value: (_u, v) => v === null ? "–" : write(v) },
      ],
      bands: [{ series: [3, 2], fill: paper }],
    };
    plots.set(figure, new uPlot(options, [told.times, told.values, told.low, told.high], place));
  }

  async function load(figure) {
    try {
      const answer = await fetch(`${figure.dataset.from}&span=${span}`);
      if (answer.ok) draw(figure, figure.told = await answer.json());
    } catch { /* the numbers above the curve are still there */ }
  }
  const again = () => { if (!document.hidden) figures.forEach(load); };

  if (figures.length && window.uPlot) {
    again();
    setInterval(again, 60000);
    document.querySelectorAll("button[data-span]").forEach((button) => button.addEventListener("click", () => {
      span = button.dataset.span;
      document.querySelectorAll("button[data-span]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
      again();
    }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => figures.forEach((each) => each.told && draw(each, each.told)));
    let width = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth === width) return;
      width = innerWidth;
      figures.forEach((each) => each.told && draw(each, each.told));
    });
  }
})();
