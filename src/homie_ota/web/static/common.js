// What every page does in the browser: times that go on, keys, and the state of the live stream.
// Without this file every page works; its times are those of its loading, in UTC.
"use strict";
(() => {
  // --- times: the element holds the moment, its text is made here ---
  const STEPS = [[172800, 86400, "d"], [7200, 3600, "h"], [120, 60, "min"], [0, 1, "s"]];
  const duration = (seconds) => {
    const [, unit, word] = STEPS.find(([least]) => seconds >= least);
    return `${Math.floor(seconds / unit)} ${word}`;
  };
  const two = (number) => String(number).padStart(2, "0");
  const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // For sentences: `14:05` today, `Fri 14:05` within a week, else the date.
  const when = (at) => {
    const days = Math.abs(at - Date.now()) / 86400000, clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (day(at) === day(new Date())) return clock;
    return days < 6 ? `${at.toLocaleDateString(document.documentElement.lang, { weekday: "short" })} ${clock}` : day(at);
  };
  const CLOCKS = { time, day, when, "": (at) => `${day(at)} ${time(at)}` };
  const told = (element) => {
    const at = new Date(element.dateTime), seconds = (Date.now() - at) / 1000;
    if ("age" in element.dataset) return seconds < 2 ? "now" : duration(seconds);
    if ("countdown" in element.dataset) return seconds >= 0 ? element.dataset.countdown || "now" : duration(-seconds);
    return (CLOCKS[element.dataset.clock] || CLOCKS[""])(at);
  };
  const fill = (root) => {
    for (const element of root.querySelectorAll("time[data-age], time[data-countdown], time[data-clock]")) {
      const text = told(element);
      if (element.textContent !== text) element.textContent = text;
      if (!element.title) {
        const at = new Date(element.dateTime);
        element.title = `${day(at)} ${time(at)} ${zone}`;
      }
    }
  };
  fill(document);
  setInterval(() => { if (!document.hidden) fill(document); }, 1000);
  document.addEventListener("visibilitychange", () => fill(document));

  // --- keys: `keys.add("j", run, "next row")`; `?` shows the list in the footer ---
  const table = new Map(), list = document.getElementById("keys");
  const isTyping = (element) => element.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName)
    && !/^(checkbox|radio|button|submit)$/.test(element.type);
  window.keys = {
    add(key, run, word) {
      table.set(key, run);
      const dt = document.createElement("dt"), dd = document.createElement("dd"), kbd = document.createElement("kbd");
      kbd.textContent = key; dt.append(kbd); dd.textContent = word;
      list.querySelector("dl").append(dt, dd);
      list.hidden = table.size < 2;
    },
  };
  window.keys.add("?", () => { list.hidden = false; list.open = !list.open; list.querySelector("summary").focus(); }, list.querySelector("dl").dataset.help);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented || isTyping(event.target)) return;
    const run = table.get(event.key);
    if (run) { event.preventDefault(); run(event); }
  });

  // --- the live stream: see the hub of the server ---
  if (!window.htmx) return;
  const offline = document.getElementById("offline"), over = document.getElementById("over");
  const word = document.querySelector('meta[name="form-word"]')?.content;
  let timer = 0;
  const stale = () => document.body.classList.toggle("stale", !offline.hidden || !over.hidden || Boolean(document.querySelector("#banner [data-stale]")));
  const lost = () => { offline.hidden = document.hidden; stale(); };
  document.addEventListener("htmx:sse:before:connection", (event) => {
    if (event.detail.connection.attempt > 0 && !timer) timer = setTimeout(lost, 3000);
  });
  document.addEventListener("htmx:sse:after:connection", () => {
    clearTimeout(timer); timer = 0; offline.hidden = true; stale();
    document.documentElement.dataset.live = "on";
  });
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401 || event.detail.status === 403) location.reload();
  });
  document.addEventListener("over", (event) => {
    over.textContent = event.detail.data; over.hidden = false; offline.hidden = true; clearTimeout(timer);
    stale();
  });
  document.addEventListener("htmx:sse:before:message", (event) => {
    const { message } = event.detail;
    if (word) message.data = message.data.replaceAll("~form~word~", word);
  });
  // Times are filled in before the swap: what is equal stays untouched.
  document.addEventListener("htmx:before:swap", (event) => { for (const task of event.detail.tasks) fill(task.fragment); });
  document.addEventListener("htmx:after:swap", stale);
  // What a person changed stays: open details, and attributes that an element names in data-keep ("class aria-selected").
  window.htmx.registerExtension("keep", {
    htmx_before_morph_attr: (element, detail) =>
      !(element.tagName === "DETAILS" && detail.attrName === "open" || (element.dataset.keep || "").split(" ").includes(detail.attrName)),
  });
})();
