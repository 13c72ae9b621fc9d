// The live tail of the log: what comes appears at the top, but not under the eyes of somebody who reads. While the
// pointer is over the rows, something is marked in them, or the page is scrolled down, what comes waits behind “12 new”.
"use strict";
(() => {
  const box = document.getElementById("tail-box"), status = document.getElementById("tail-status");
  if (!box.querySelector("[data-tail]") || !window.htmx) return;
  const PART = /<hx-partial hx-target="#tail"[^>]*>([\s\S]*?)<\/hx-partial>/;
  let held = "", hovered = false, shown = "";
  status.hidden = false;

  const rows = (root) => [...root.querySelectorAll("tr[id]")].map((row) => row.id);
  const isReading = () => hovered || window.scrollY > 150
    || box.contains(document.activeElement) && document.activeElement.id !== "tail"
    || (!getSelection().isCollapsed && box.contains(getSelection().anchorNode));
  const parsed = (html) => {
    const made = document.createElement("template");
    made.innerHTML = html;
    return made.content;
  };
  const say = () => {
    const known = new Set(rows(box)), count = held ? rows(parsed(held)).filter((id) => !known.has(id)).length : 0;
    const text = count ? `${count} ${status.dataset.new}` : status.dataset.live;
    if (text === shown) return;
    shown = text;
    if (!count) { status.textContent = text; return; }
    const button = document.createElement("button");
    button.type = "button"; button.textContent = text;
    button.addEventListener("click", show);
    status.replaceChildren(button);
  };
  const show = () => {
    if (held) {
      document.getElementById("tail").replaceWith(parsed(held));
      held = "";
      window.scrollTo({ top: 0 });
    }
    say();
  };
  document.addEventListener("htmx:sse:before:message", (event) => {
    const { message } = event.detail, part = PART.exec(message.data || "");
    if (!part) return;
    if (!isReading()) { held = ""; return; }
    held = part[1];
    message.data = message.data.replace(PART, "");
    if (!message.data.trim()) event.preventDefault();
    say();
  });
  document.addEventListener("htmx:sse:after:message", say);
  const letGo = () => { if (held && !isReading()) show(); };
  box.addEventListener("pointerenter", (event) => { hovered = event.pointerType !== "touch"; });
  box.addEventListener("pointerleave", () => { hovered = false; letGo(); });
  window.keys.add("n", show, status.dataset.key);
  say();
})();

// Times that are typed are those of the reader's clock: they go out with its distance from UTC.
(() => {
  const fields = document.querySelectorAll('form input[name="since"], form input[name="until"]');
  if (!fields.length) return;
  const typed = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?$/;
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const withZone = (text) => {
    const found = typed.exec(text.trim());
    if (!found) return text;
    const clock = found[2] || "00:00";
    const ahead = -new Date(`${found[1]}T${clock}`).getTimezoneOffset();
    if (Number.isNaN(ahead)) return text;
    return `${found[1]} ${clock}${ahead < 0 ? "-" : "+"}${two(Math.abs(ahead) / 60)}:${two(Math.abs(ahead) % 60)}`;
  };
  for (const field of fields) {
    if (field.name === "until") field.placeholder = "1h";
    field.form.addEventListener("submit", () => { field.value = withZone(field.value); });
  }
})();
