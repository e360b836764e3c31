"use strict";
// Uploads a batch with progress and cancel, accepts dropped folders, and asks before leaving the page.
for (const form of document.querySelectorAll("form.batch-form")) {
  const { clear, show, tokenFrom, sentenceOf } = window.simsvcForms;
  const SHOWN = 5, MINUTE_S = 60;
  const part = (name) => form.querySelector(name);
  const area = part(".drop-area"), button = part("button[type=submit]"), inputs = [...form.querySelectorAll("input[type=file]")];
  const cancel = part(".cancel"), sending = part(".sending"), sent = part(".sent"), words = part(".sent-words"), problem = part(".problem");
  const chosen = part(".chosen"), list = part(".chosen-list");
  let dropped = [], busy = false, request = null, began = 0;

  const say = (sentence, link = null) => {
    problem.textContent = sentence;
    if (link) problem.append(" ", document.adoptNode(link));
    problem.hidden = !sentence;
    if (sentence) problem.focus();
  };
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  const filled = (template, figures) => Object.entries(figures).reduce((text, [name, figure]) => text.replace(`{${name}}`, figure), template);
  const bytesOf = (files) => files.reduce((sum, file) => sum + file.size, 0);

  const showDropped = () => {
    const item = (text) => Object.assign(document.createElement("li"), { textContent: text });
    chosen.hidden = !dropped.length;
    part(".chosen-words").textContent = filled(form.dataset.chosen, { count: dropped.length, size: megabytes(bytesOf(dropped.map(({ file }) => file))) });
    list.replaceChildren(...dropped.slice(0, SHOWN).map(({ path }) => item(path)));
    if (dropped.length > SHOWN) list.append(item(filled(form.dataset.more, { count: dropped.length - SHOWN })));
  };
  const check = () => {
    const files = [...inputs.flatMap((input) => [...input.files]), ...dropped.map(({ file }) => file)];
    const size = bytesOf(files), { maxBytes, maxPhotos, tooLarge, tooMany } = form.dataset;
    const large = size > Number(maxBytes), many = files.length > Number(maxPhotos) + 1; // and the CSV
    button.disabled = large || many;
    say(large ? filled(tooLarge, { size: megabytes(size) }) : many ? filled(tooMany, { count: files.length }) : "");
  };
  const take = async (transfer) => {
    if (busy) return;
    const found = await window.simsvcDropped(transfer);
    const known = new Set(dropped.map(({ path }) => path));
    dropped = [...dropped, ...found.filter(({ path }) => !known.has(path))];
    showDropped();
    check();
  };
  const rest = () => {
    [busy, request] = [false, null];
    sending.hidden = cancel.hidden = true;
    button.disabled = false;
  };
  const timeLeft = (share) => {
    const taken = (performance.now() - began) / 1000;
    if (taken < 2 || !share) return "";
    const left = taken * (1 - share) / share, inMinutes = left >= MINUTE_S * 1.5;
    return " " + filled(inMinutes ? form.dataset.minutes : form.dataset.seconds, { count: Math.max(1, Math.round(inMinutes ? left / MINUTE_S : left)) });
  };
  const progress = (step) => {
    if (!step.lengthComputable) return;
    sent.value = step.loaded / step.total;
    const figures = { sent: megabytes(step.loaded), total: megabytes(step.total) };
    words.textContent = step.loaded < step.total ? filled(form.dataset.sent, figures) + timeLeft(sent.value) : form.dataset.arrived;
  };
  const fail = () => {
    rest();
    button.textContent = form.dataset.again;
    say(form.dataset.failed);
  };
  // Checks the session before a large upload.
  const signedIn = async () => {
    try {
      const answer = await fetch(form.action);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.redirected) { tokenFrom(form, page); return true; }
      const link = Object.assign(document.createElement("a"), { href: answer.url, target: "_blank", rel: "noopener", textContent: form.dataset.signIn });
      rest();
      say(form.dataset.ended, link);
    } catch { fail(); }
    return false;
  };
  const answered = () => {
    const { status, responseURL, response: page } = request;
    rest();
    if (status && status < 400) { location.assign(responseURL); return; }
    tokenFrom(form, page);
    if (!show(form, page)) say(sentenceOf(page) || form.dataset.failed, page?.querySelector(".sign-in-again"));
  };

  area.classList.add("accepts-drops");
  part(".drop-hint").hidden = false;
  area.addEventListener("dragover", () => area.classList.add("over"));
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => { event.preventDefault(); area.classList.remove("over"); take(event.dataTransfer); });
  area.addEventListener("dropped-beside", (event) => take(event.detail));
  for (const input of inputs) input.addEventListener("change", check);
  part(".chosen-clear").addEventListener("click", () => { dropped = []; showDropped(); check(); inputs[0].focus(); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = button.disabled = true;
    clear(form);
    say("");
    if (await signedIn()) send();
  });
  const send = () => {
    const body = new FormData(form);
    for (const { file, path } of dropped) body.append("photos", file, path);
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", progress);
    request.addEventListener("load", answered);
    request.addEventListener("error", fail);
    request.addEventListener("abort", rest);
    sent.value = 0;
    words.textContent = "";
    sending.hidden = cancel.hidden = false;
    began = performance.now();
    request.send(body);
  };
  cancel.addEventListener("click", () => { request?.abort(); button.focus(); });
  window.addEventListener("beforeunload", (event) => { if (busy) event.preventDefault(); });
  window.addEventListener("pageshow", () => { if (!busy) rest(); });
}
