// Keeps a page fresh: what has data-live is fetched again when the server says that something of that kind changed.
// Without this file every page works; it is only as old as its last loading.
"use strict";
(() => {
  const parts = [...document.querySelectorAll("[data-live]")];
  if (!parts.length || !window.EventSource) return;
  const script = document.currentScript || document.querySelector('script[src*="/static/live.js"]');
  const root = new URL(script.src).pathname.replace(/\/static\/live\.js$/, "");
  const PAUSE = 1000;
  let waiting = false, again = false;

  const concerns = (part, notice) => part.dataset.live.split(" ").some((word) => {
    const [kind, pk] = word.split(":");
    return notice.kind === "all" || (kind === notice.kind && (!pk || Number(pk) === notice.device_pk));
  });
  const busy = (part) => part.contains(document.activeElement) && /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(document.activeElement.tagName);

  async function refresh() {
    if (waiting) { again = true; return; }
    waiting = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const other = fresh.getElementById(part.id);
          if (!other || busy(part) || other.innerHTML === part.innerHTML) continue;
          const open = [...part.querySelectorAll("details")].map((each) => each.open);
          part.innerHTML = other.innerHTML;
          part.querySelectorAll("details").forEach((each, at) => { if (at in open) each.open = open[at]; });
        }
      }
    } catch { /* the server is away; the stream will reconnect and tell */ }
    setTimeout(() => { waiting = false; if (again) { again = false; refresh(); } }, PAUSE);
  }

  // Bytes of a running transfer come with the notice itself: no need to load the page for each.
  function progress(notice) {
    const bar = document.querySelector(`progress[data-deployment="${Number(notice.id)}"]`);
    if (!bar || notice.state !== "transferring") return false;
    bar.max = notice.bytes_total; bar.value = notice.bytes_done;
    const text = document.querySelector(`[data-bytes="${Number(notice.id)}"]`);
    if (text) text.textContent = `${Math.round(notice.bytes_done / 1024)} KB of ${Math.round(notice.bytes_total / 1024)} KB`;
    return document.querySelector("#deployment .state").classList.contains("transferring");
  }

  let stream = null;
  function listen() {
    stream = new EventSource(`${root}/events`);
    let first = true;
    stream.onopen = () => { if (!first) refresh(); first = false; };
    stream.onmessage = (message) => {
      const notice = JSON.parse(message.data);
      if (notice.kind === "deployment" && progress(notice)) return;
      if (parts.some((part) => concerns(part, notice))) refresh();
    };
  }
  listen();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stream.close(); } else if (stream.readyState === EventSource.CLOSED) { listen(); refresh(); }
  });
})();
