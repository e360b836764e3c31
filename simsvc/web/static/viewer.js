"use strict";
// Shows the face and each reference face side by side in a dialog. Without script, the links open pages.
{
  const viewer = document.querySelector("dialog.viewer");
  const faces = [...document.querySelectorAll("ol.faces > li")];
  if (viewer && faces.length) {
    const part = (selector) => viewer.querySelector(selector);
    const picture = part(".viewer-picture"), missing = part(".no-picture");
    const place = part(".viewer-place"), words = part(".viewer-words");
    const steps = [...viewer.querySelectorAll("[data-step]")];
    let shown = 0;

    const show = (wanted) => {
      shown = Math.min(Math.max(wanted, 0), faces.length - 1);
      const image = faces[shown].querySelector("img");
      missing.hidden = Boolean(image);
      picture.replaceChildren(...(image ? [image.cloneNode()] : []));
      place.textContent = viewer.dataset.place.replace("{rank}", shown + 1);
      const said = [...faces[shown].querySelectorAll("[class^=face-]")].map((text) => text.textContent.trim());
      words.textContent = said.join(" · ");
      for (const step of steps) {
        const next = shown + Number(step.dataset.step);
        step.setAttribute("aria-disabled", String(next < 0 || next >= faces.length));
      }
    };
    const KEYS = {
      ArrowLeft: () => shown - 1, ArrowRight: () => shown + 1, Home: () => 0, End: () => faces.length - 1,
    };

    document.addEventListener("click", (event) => {
      const link = event.target.closest("[data-compare]");
      if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(Number(link.dataset.compare) - 1);
      viewer.showModal();
    });
    viewer.addEventListener("keydown", (event) => {
      if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      show(KEYS[event.key]());
    });
    for (const step of steps) step.addEventListener("click", () => show(shown + Number(step.dataset.step)));
  }
}
