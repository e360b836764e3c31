"use strict";
// Drag and drop, a preview, and the size limit before the upload. The form works without any of it.
for (const form of document.querySelectorAll("form.upload")) {
  const area = form.querySelector(".drop-area");
  const input = form.querySelector("input[type=file]");
  const preview = form.querySelector(".preview");
  const problem = form.querySelector(".problem");
  const waiting = form.querySelector(".waiting");
  const button = form.querySelector("button");
  const maxBytes = Number(form.dataset.maxBytes);
  let shown = null;

  const show = () => {
    const file = input.files[0];
    if (shown) URL.revokeObjectURL(shown);
    shown = file ? URL.createObjectURL(file) : null;
    preview.hidden = true;
    if (shown) preview.src = shown;
    const tooLarge = Boolean(file) && file.size > maxBytes;
    problem.hidden = !tooLarge;
    problem.textContent = tooLarge
      ? form.dataset.tooLarge.replace("{size}", (file.size / 1e6).toFixed(1))
      : "";
    button.disabled = tooLarge;
  };

  preview.addEventListener("load", () => { preview.hidden = false; }); // HEIC has no preview in most browsers
  input.addEventListener("change", show);
  area.classList.add("accepts-drops");
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; show(); }
  });
  form.addEventListener("submit", () => { waiting.hidden = false; button.disabled = true; });
  window.addEventListener("pageshow", () => { waiting.hidden = true; show(); });
}
