"use strict";
// Drop, paste, camera, photo check, size limit and progress. The form also works without scripts.
for (const form of document.querySelectorAll("form.upload:not(.batch-form)")) {
  const { clear, show: showProblems, tokenFrom, sentenceOf } = window.simsvcForms;
  const part = (name) => form.querySelector(name);
  const area = part(".drop-area"), input = part("input[type=file]");
  const problem = part(".problem"), waiting = part(".waiting"), button = part("button[type=submit]"), sent = part(".sent");
  const maxBytes = Number(form.dataset.maxBytes);

  const say = (words, link = null) => {
    problem.textContent = words;
    if (link) problem.append(" ", document.adoptNode(link));
    problem.hidden = !words;
  };
  const checkSize = () => {
    const large = [...input.files].find((file) => file.size > maxBytes);
    say(large ? form.dataset.tooLarge.replace("{size}", (large.size / 1e6).toFixed(1)) : "");
    button.disabled = Boolean(large);
    return !large;
  };
  const put = (files) => {
    const chosen = new DataTransfer();
    for (const file of files) chosen.items.add(file);
    input.files = chosen.files;
    checkSize();
  };
  const check = window.simsvcCheck(form, put);
  const show = () => {
    if (input.files.length > 1) part(".declared-fields").open = true;
    check.show(checkSize() ? [...input.files] : []);
  };
  const take = (files) => { if (files.length) { put(files); show(); } };
  const rest = () => { waiting.hidden = sent.hidden = true; button.disabled = false; };

  input.addEventListener("change", show);
  area.classList.add("accepts-drops");
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    take(event.dataTransfer.files);
  });
  area.addEventListener("dropped-beside", (event) => take(event.detail.files));
  document.addEventListener("paste", (event) => {
    const pictures = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (pictures.length) { event.preventDefault(); take(pictures); }
  });
  form.addEventListener("photo-taken", (event) => take([event.detail]));
  form.addEventListener("camera-problem", (event) => say(event.detail));

  const send = (again) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", (step) => { if (step.lengthComputable) sent.value = step.loaded / step.total; });
    request.addEventListener("error", () => { rest(); say(form.dataset.failed); });
    request.addEventListener("load", () => {
      if (request.status < 400) { location.assign(request.responseURL); return; }
      const page = request.response;
      tokenFrom(form, page);
      if (page?.getElementById("send-again") && !again) { send(true); return; }
      rest(); // keeps typed and chosen input
      if (showProblems(form, page)) return;
      say(sentenceOf(page) || form.dataset.failed, page?.querySelector(".sign-in-again"));
      problem.focus();
    });
    waiting.hidden = sent.hidden = false;
    sent.value = 0;
    button.disabled = true;
    request.send(new FormData(form));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    check.stop();
    clear(form);
    say("");
    send(false);
  });
  window.addEventListener("pageshow", () => { rest(); show(); });
}
