"use strict";
// Uploads a batch with progress and cancel, and asks before leaving the page.
for (const form of document.querySelectorAll("form.batch-form")) {
  const { clear, show, tokenFrom, sentenceOf } = window.simsvcForms;
  const part = (name) => form.querySelector(name);
  const area = part(".drop-area"), input = part("#photos"), button = part("button[type=submit]");
  const cancel = part(".cancel"), sending = part(".sending"), sent = part(".sent"), words = part(".sent-words"), problem = part(".problem");
  let busy = false, request = null;

  const say = (sentence, link = null) => {
    problem.textContent = sentence;
    if (link) problem.append(" ", document.adoptNode(link));
    problem.hidden = !sentence;
    if (sentence) problem.focus();
  };
  const take = (files) => { if (files.length && !busy) input.files = files; };
  const rest = () => {
    [busy, request] = [false, null];
    sending.hidden = cancel.hidden = true;
    button.disabled = false;
  };
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  const progress = (step) => {
    if (!step.lengthComputable) return;
    sent.value = step.loaded / step.total;
    const sentence = step.loaded < step.total ? form.dataset.sent : form.dataset.arrived;
    words.textContent = sentence.replace("{sent}", megabytes(step.loaded)).replace("{total}", megabytes(step.total));
  };
  // Checks the session before a large upload.
  const signedIn = async () => {
    try {
      const answer = await fetch(form.action);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.redirected) { tokenFrom(form, page); return true; }
      const link = Object.assign(document.createElement("a"), { href: answer.url, target: "_blank", rel: "noopener", textContent: form.dataset.signIn });
      say(form.dataset.ended, link);
    } catch { say(form.dataset.failed); }
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
  area.addEventListener("dragover", () => area.classList.add("over"));
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => { event.preventDefault(); area.classList.remove("over"); take(event.dataTransfer.files); });
  area.addEventListener("dropped-beside", (event) => take(event.detail));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = button.disabled = true;
    clear(form);
    say("");
    if (await signedIn()) send(); else rest();
  });
  const send = () => {
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", progress);
    request.addEventListener("load", answered);
    request.addEventListener("error", () => { rest(); say(form.dataset.failed); });
    request.addEventListener("abort", rest);
    sent.value = 0;
    words.textContent = "";
    sending.hidden = cancel.hidden = false;
    request.send(new FormData(form));
  };
  cancel.addEventListener("click", () => { request?.abort(); button.focus(); });
  window.addEventListener("beforeunload", (event) => { if (busy) event.preventDefault(); });
  window.addEventListener("pageshow", () => { if (!busy) rest(); });
}
