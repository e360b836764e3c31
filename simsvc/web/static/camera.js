"use strict";
// Takes a photo with the camera; an oval and a hint from the photo check, at most once a second, help to aim.
for (const form of document.querySelectorAll("form.upload:not(.batch-form)")) {
  const EVERY_MS = 1000, HINT_SIDE_PX = 960;
  const part = (name) => form.querySelector(name);
  const camera = part(".camera"), video = part("video"), hint = part(".camera-hint");
  let stream = null, looking = null;

  const picture = (side, quality) => {
    const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => { canvas.toBlob(done, "image/jpeg", quality); });
  };
  const hintOf = async (signal) => {
    const body = new FormData(), frame = await picture(HINT_SIDE_PX, 0.8);
    if (!frame) return null;
    body.append("csrf_token", part("input[name=csrf_token]").value);
    body.append("photo", frame, "camera.jpg");
    const answer = await fetch(form.dataset.crop, { method: "POST", body, signal });
    return answer.ok ? answer.json() : null;
  };
  const look = async (signal) => {
    while (!signal.aborted) {
      const began = performance.now();
      if (!document.hidden && video.videoWidth) {
        const found = await hintOf(signal).catch(() => null);
        if (signal.aborted) return;
        if (found && hint.textContent !== found.hint) hint.textContent = found.hint;
        camera.dataset.state = found?.usable ? "usable" : "";
      }
      await new Promise((done) => { setTimeout(done, Math.max(0, EVERY_MS - (performance.now() - began))); });
    }
  };
  const close = () => {
    looking?.abort();
    if (stream) for (const track of stream.getTracks()) track.stop();
    stream = null;
    camera.hidden = true;
  };
  const say = (sentence) => form.dispatchEvent(new CustomEvent("camera-problem", { detail: sentence }));

  form.addEventListener("submit", close);
  if (!navigator.mediaDevices?.getUserMedia) continue;
  part(".camera-line").hidden = false;
  part(".camera-open").addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, height: { ideal: 1080 } } });
    } catch { say(form.dataset.noCamera); return; }
    video.srcObject = stream;
    camera.hidden = false;
    hint.textContent = "";
    await video.play();
    part(".camera-take").focus();
    looking?.abort();
    looking = new AbortController();
    if (!navigator.connection?.saveData) look(looking.signal);
  });
  part(".camera-close").addEventListener("click", () => { close(); part(".camera-open").focus(); });
  part(".camera-take").addEventListener("click", async () => {
    const blob = await picture(Infinity, 0.95);
    close();
    if (blob) form.dispatchEvent(new CustomEvent("photo-taken", { detail: new File([blob], "camera.jpg", { type: "image/jpeg" }) }));
    part("button[type=submit]").focus();
  });
}
