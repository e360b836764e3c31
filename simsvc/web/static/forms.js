"use strict";
// Shared by all forms. Forms also work without scripts.
{
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  // A file dropped outside the drop area would replace the page and lose typed input.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      const area = document.querySelector(".drop-area.accepts-drops");
      if (!area && kind === "dragover") event.dataTransfer.dropEffect = "none";
      if (area && kind === "drop" && !area.contains(event.target)) {
        area.dispatchEvent(new CustomEvent("dropped-beside", { detail: event.dataTransfer }));
      }
    });
  }

  // Prevents double submission, until a timeout or return to the page.
  const AGAIN_MS = 15000;
  const sending = new WeakSet();
  const buttonsOf = (form) => [...form.elements].filter((part) => part.type === "submit");
  const release = (form) => {
    sending.delete(form);
    for (const button of buttonsOf(form)) button.removeAttribute("aria-disabled");
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || "sendsItself" in form.dataset || event.defaultPrevented) return;
    if (sending.has(form)) { event.preventDefault(); return; }
    sending.add(form);
    for (const button of buttonsOf(form)) button.setAttribute("aria-disabled", "true");
    setTimeout(() => release(form), AGAIN_MS);
  });
  window.addEventListener("pageshow", () => { for (const form of document.forms) release(form); });

  // The browser focuses the first error before photos above it have loaded, which can move it out of sight.
  window.addEventListener("load", () => {
    const wrong = document.activeElement;
    if (wrong?.matches("[autofocus][aria-invalid]")) wrong.scrollIntoView({ block: "nearest" });
  });

  // For forms sent by script: shows the errors of the response in the form.
  const clear = (form) => {
    form.querySelector(".problems")?.replaceChildren();
    for (const message of form.querySelectorAll(".field-problem")) message.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
      if ("described" in field.dataset) field.setAttribute("aria-describedby", field.dataset.described);
    }
  };
  const show = (form, page) => {
    const place = form.querySelector(".problems"), summary = page?.querySelector(".form-problem");
    if (!place || !summary) return false;
    place.append(document.adoptNode(summary));
    let first = null;
    for (const wrong of page.querySelectorAll("[aria-invalid]")) {
      const field = form.querySelector(`#${CSS.escape(wrong.id)}`);
      if (!field) continue;
      field.dataset.described ??= field.getAttribute("aria-describedby") ?? "";
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", wrong.getAttribute("aria-describedby"));
      const message = page.getElementById(`${wrong.id}-error`);
      if (message) field.before(document.adoptNode(message));
      for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
      first ??= field;
    }
    for (const part of page.querySelectorAll(".confirm-dates:not([hidden])")) form.querySelector(`#${part.id}`)?.removeAttribute("hidden");
    const target = first ?? place.firstElementChild;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "center" }); // with its message, wherever the browser would leave it
    return true;
  };
  const tokenFrom = (form, page) => {
    const fresh = page?.querySelector("form.upload input[name=csrf_token]");
    if (fresh) form.querySelector("input[name=csrf_token]").value = fresh.value; // new session
  };
  const sentenceOf = (page) =>
    [...(page?.querySelectorAll(".form-problem li") ?? [])].map((item) => item.textContent.trim()).join(" ") ||
    page?.querySelector("main .lead")?.textContent.trim();
  window.simsvcForms = { clear, show, tokenFrom, sentenceOf };
}
