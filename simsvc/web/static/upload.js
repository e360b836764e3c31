"use strict";
// Drop, paste, camera, preview, size limit, progress. The form works without any of it.
for (const form of document.querySelectorAll("form.upload")) {
  const part = (name) => form.querySelector(name);
  const area = part(".drop-area"), input = part("input[type=file]"), preview = part(".preview");
  const problem = part(".problem"), waiting = part(".waiting"), button = part("button[type=submit]");
  const sent = part(".sent"), camera = part(".camera"), video = part("video");
  const maxBytes = Number(form.dataset.maxBytes);
  let shown = null;
  let stream = null;

  const say = (words) => { problem.textContent = words; problem.hidden = !words; };
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
  document.addEventListener("paste", (event) => {
    const pictures = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (pictures.length) { event.preventDefault(); take(pictures); }
  });
  if (navigator.mediaDevices?.getUserMedia) {
    part(".camera-line").hidden = false;
    part(".camera-open").addEventListener("click", async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: true });
      } catch (error) { say(error.message); return; }
      video.srcObject = stream;
      camera.hidden = false;
      await video.play();
    });
    part(".camera-take").addEventListener("click", () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob((blob) => { if (blob) take([new File([blob], "camera.jpg", { type: "image/jpeg" })]); }, "image/jpeg", 0.95);
      closeCamera();
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    closeCamera();
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", (step) => { if (step.lengthComputable) sent.value = step.loaded / step.total; });
    request.addEventListener("error", () => { rest(); say(form.dataset.failed); });
    request.addEventListener("load", () => {
      if (request.status < 400) { location.assign(request.responseURL); return; }
      rest(); // what was typed and chosen stays where it is
      say(request.response?.querySelector(".form-problem, main .lead")?.textContent.trim() || form.dataset.failed);
    });
    waiting.hidden = sent.hidden = false;
    sent.value = 0;
    button.disabled = true;
    request.send(new FormData(form));
  });
  window.addEventListener("pageshow", () => { rest(); show(); });
}
