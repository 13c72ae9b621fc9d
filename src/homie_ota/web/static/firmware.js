// Uploads that stay on the page: files are dropped anywhere or chosen, sent one after another with their progress, and
// each is answered in its place with what it is, or why it was refused. Without this file the form works by itself.
"use strict";
(() => {
  const form = document.getElementById("upload"), list = document.getElementById("uploads");
  const status = document.getElementById("upload-status");
  if (!form || !list) return;
  const words = form.dataset, input = form.elements.upload, queue = [];
  let busy = false;
  input.multiple = true;
  form.querySelector(".hint").hidden = false;

  const element = (name, text = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };
  const size = (bytes) => bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
  const tell = (item, html) => {
    item.place.innerHTML = html;  // from our own server, which escapes what files and people say
    const again = item.place.querySelector("form.again");
    if (again) again.addEventListener("submit", (event) => {
      event.preventDefault();
      add(item, Object.fromEntries(new FormData(again)));
    });
    const said = item.place.querySelector(".banner");
    status.textContent = `${item.file.name}: ${said ? said.textContent : item.place.textContent}`;
  };
  const fail = (item, text) => {
    const said = element("p", text);
    said.className = "banner bad";
    tell(item, said.outerHTML);
  };

  // The word of the form comes first: the server looks at it before it takes the file.
  const fields = (item) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(item.typed)) data.append(name, value);
    data.append("upload", item.file, item.file.name);
    return data;
  };
  const answered = (item, request) => {
    const kind = request.getResponseHeader("Content-Type") || "";
    if (!kind.startsWith("text/html")) return fail(item, request.responseText || words.broken);
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const sentence = page.querySelector("main .sentence");  // a whole page: something refused before the upload could
    if (sentence) fail(item, sentence.textContent); else tell(item, request.responseText);
  };
  const send = (item) => new Promise((done) => {
    const bar = element("progress"), said = element("small", ` ${words.sending}`), request = new XMLHttpRequest();
    bar.max = item.file.size || 1; bar.value = 0;
    bar.setAttribute("aria-label", item.file.name);
    item.place.replaceChildren(bar, said);
    request.upload.addEventListener("progress", (event) => {
      bar.max = event.total; bar.value = event.loaded;
      said.textContent = ` ${Math.floor(100 * event.loaded / event.total)} %`;
    });
    request.upload.addEventListener("load", () => { said.textContent = ` ${words.looking}`; });
    request.addEventListener("load", () => { answered(item, request); done(); });
    request.addEventListener("error", () => { fail(item, words.broken); done(); });
    request.addEventListener("abort", () => { fail(item, words.broken); done(); });
    request.open("POST", `${form.action}?part=1`);
    request.setRequestHeader("Accept", "text/html");
    request.send(fields(item));
  });
  const run = async () => {
    if (busy) return;
    busy = true;
    while (queue.length) await send(queue.shift());
    busy = false;
  };
  const add = (item, typed) => {
    Object.assign(item.typed, typed);
    item.place.replaceChildren(element("small", words.waiting));
    if (Number(words.largest) && item.file.size > Number(words.largest)) return fail(item, words.large);
    queue.push(item);
    run();
  };
  const take = (files, typed) => {
    const beside = (file) => [...files].find((each) => each.name === `${file.name}.minisig`);
    for (const file of [...files].filter((each) => !each.name.endsWith(".minisig"))) {
      const item = { file, typed: {}, place: element("div") }, line = element("li");
      line.append(element("b", file.name), element("small", ` ${size(file.size)}`), item.place);
      list.append(line);
      add(item, beside(file) ? { ...typed, signature: beside(file) } : typed);
    }
  };
  const typed = () => {
    const told = Object.fromEntries(new FormData(form));
    delete told.upload;
    return told;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take([...input.files], typed());
    const word = form.elements.word.value;
    form.reset();
    form.elements.word.value = word;
  });
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  let depth = 0;  // a drag enters each element that it moves over
  const dropping = (change) => {
    depth = change ? Math.max(0, depth + change) : 0;
    document.documentElement.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { event.preventDefault(); dropping(1); } });
  addEventListener("dragleave", (event) => { if (hasFiles(event)) dropping(-1); });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    dropping(0);
    take([...event.dataTransfer.files], typed());
    list.scrollIntoView({ block: "nearest" });
  });
  window.keys.add("u", () => { input.scrollIntoView({ block: "center" }); input.focus(); }, words.key);
  addEventListener("beforeunload", (event) => { if (busy) { event.preventDefault(); event.returnValue = words.leave; } });
})();
