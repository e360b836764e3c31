"use strict";
// Drop, paste, camera, previews, size limit and progress. The form also works without scripts.
for (const form of document.querySelectorAll("form.upload:not(.batch-form)")) {
  const { clear, show: showProblems, tokenFrom, sentenceOf } = window.simsvcForms;
  const part = (name) => form.querySelector(name);
  const area = part(".drop-area"), input = part("input[type=file]"), preview = part(".preview");
  const problem = part(".problem"), waiting = part(".waiting"), button = part("button[type=submit]");
  const sent = part(".sent"), camera = part(".camera"), video = part("video"), token = part("input[name=csrf_token]");
  const judged = part(".as-judged"), crops = part(".crops");
  const maxBytes = Number(form.dataset.maxBytes);
  let shown = null;
  let stream = null;
  let asking = null;

  const say = (words, link = null) => {
    problem.textContent = words;
    if (link) problem.append(" ", document.adoptNode(link));
    problem.hidden = !words;
  };
  const pageOf = (text) => new DOMParser().parseFromString(text, "text/html");

  const cropOf = async (file, signal) => {
    const body = new FormData(), item = document.createElement("li");
    body.append("csrf_token", token.value);
    body.append("photo", file);
    const answer = await fetch(form.dataset.crop, { method: "POST", body, signal });
    if (answer.headers.get("Content-Type") === "image/png") {
      const picture = new Image(), address = URL.createObjectURL(await answer.blob());
      picture.addEventListener("load", () => URL.revokeObjectURL(address));
      [picture.alt, picture.src] = [form.dataset.cropAlt, address];
      item.append(picture);
    } else if (answer.status !== 422) return null; // submitting the form shows the error
    else item.append(sentenceOf(pageOf(await answer.text())) ?? "");
    item.append(Object.assign(document.createElement("span"), { className: "crop-name", textContent: file.name }));
    return item;
  };
  const showCrops = async (files) => {
    asking?.abort();
    const mine = asking = new AbortController();
    crops.replaceChildren();
    judged.hidden = true;
    if (navigator.connection?.saveData) return;
    for (const file of files) {
      const item = await cropOf(file, mine.signal).catch(() => null);
      if (mine.signal.aborted) return;
      if (item) { crops.append(item); judged.hidden = false; }
    }
  };
  const show = () => {
    const files = [...input.files];
    const large = files.find((file) => file.size > maxBytes);
    if (shown) URL.revokeObjectURL(shown);
    shown = files.length === 1 ? URL.createObjectURL(files[0]) : null;
    preview.hidden = true;
    if (shown) preview.src = shown;
    say(large ? form.dataset.tooLarge.replace("{size}", (large.size / 1e6).toFixed(1)) : "");
    if (files.length > 1) part(".declared-fields").open = true;
    button.disabled = Boolean(large);
    showCrops(large ? [] : files);
  };
  const take = (files) => {
    const chosen = new DataTransfer();
    for (const file of files) chosen.items.add(file);
    if (chosen.files.length) { input.files = chosen.files; show(); }
  };
  const rest = () => { waiting.hidden = sent.hidden = true; button.disabled = false; };
  const closeCamera = () => {
    if (stream) for (const track of stream.getTracks()) track.stop();
    stream = null;
    camera.hidden = true;
  };

  preview.addEventListener("load", () => { preview.hidden = false; }); // HEIC has no preview in most browsers
  input.addEventListener("change", show);
  area.classList.add("accepts-drops");
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    take(event.dataTransfer.files);
  });
  area.addEventListener("dropped-beside", (event) => take(event.detail));
  document.addEventListener("paste", (event) => {
    const pictures = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (pictures.length) { event.preventDefault(); take(pictures); }
  });
  if (navigator.mediaDevices?.getUserMedia) {
    part(".camera-line").hidden = false;
    part(".camera-open").addEventListener("click", async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: true });
      } catch { say(form.dataset.noCamera); return; }
      video.srcObject = stream;
      camera.hidden = false;
      await video.play();
      part(".camera-take").focus();
    });
    part(".camera-close").addEventListener("click", () => { closeCamera(); part(".camera-open").focus(); });
    part(".camera-take").addEventListener("click", () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob((blob) => { if (blob) take([new File([blob], "camera.jpg", { type: "image/jpeg" })]); }, "image/jpeg", 0.95);
      closeCamera();
      button.focus();
    });
  }
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
    asking?.abort();
    closeCamera();
    clear(form);
    say("");
    send(false);
  });
  window.addEventListener("pageshow", () => { rest(); show(); });
}
