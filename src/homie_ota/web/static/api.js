// "Try" on the page of the API: sends what the form says and shows what comes back.
"use strict";
for (const form of document.querySelectorAll("form[data-try]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const shown = form.querySelector("pre");
    let path = form.dataset.path, body, json;
    const headers = {};
    const query = new URLSearchParams();
    for (const field of form.querySelectorAll("[data-in]")) {
      const value = field.type === "file" ? field.files[0] : field.value;
      if (!value) continue;
      if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      else if (field.dataset.in === "query") query.append(field.name, value);
      else if (field.dataset.in === "form") (body ??= new FormData()).append(field.name, value);
      else if (field.dataset.in === "header") headers[field.name] = value;
      else json = value;
    }
    const address = path + (query.size ? `?${query}` : "");
    if (json) headers["Content-Type"] = "application/json";
    shown.hidden = false;
    shown.textContent = `${form.dataset.try} ${address} …`;
    if (path.endsWith("/events")) { window.open(address); return; }
    try {
      const answer = await fetch(address, { method: form.dataset.try, headers, body: json ?? body });
      const kind = answer.headers.get("content-type") || "";
      const text = kind.includes("json") ? JSON.stringify(await answer.json(), null, 2)
        : kind.startsWith("text/") ? await answer.text() : `(${(await answer.blob()).size} bytes)`;
      shown.textContent = `${answer.status} ${answer.statusText}\n${text}`;
    } catch (error) { shown.textContent = String(error); }
  });
}
