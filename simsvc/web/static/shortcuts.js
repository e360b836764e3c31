"use strict";
// Single-key shortcuts of elements with data-key. A dialog lists them and switches them off.
// Source: WCAG 2.2, success criterion 2.1.4, "Character Key Shortcuts".
{
  const STORED = "simsvc-shortcuts";
  const root = document.documentElement;
  const isOn = () => root.dataset.shortcuts === "on";
  const stored = () => { try { return localStorage.getItem(STORED); } catch { return null; } };
  const store = (value) => { try { localStorage.setItem(STORED, value); } catch { /* for this page only */ } };

  const TYPED = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button], [type=submit])";
  const isTyping = (place) => place instanceof Element && place.closest(TYPED) !== null;
  const open = (part) => {
    for (let fold = part.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  };

  // A link or a plain button is pressed. A choice is only focused: Enter records it.
  const use = (part) => {
    if (part.matches("summary")) {
      open(part);
      const fields = part.parentElement.querySelector("input:not([type=hidden]), select, textarea");
      (fields ?? part.parentElement.querySelector("button") ?? part).focus();
    } else if (part.matches("[type=submit]")) {
      open(part);
      part.focus();
    } else part.click();
  };

  const help = document.querySelector("dialog.shortcuts");
  const helpButton = document.querySelector(".shortcuts-open");
  const choice = help?.querySelector("[type=checkbox]");
  const apply = (on) => {
    root.dataset.shortcuts = on ? "on" : "off";
    for (const part of document.querySelectorAll("[data-key]")) {
      if (on) part.setAttribute("aria-keyshortcuts", part.dataset.key);
      else part.removeAttribute("aria-keyshortcuts");
    }
    if (choice) choice.checked = on;
  };
  apply(stored() !== "off");
  choice?.addEventListener("change", () => {
    store(choice.checked ? "on" : "off");
    apply(choice.checked);
  });
  if (helpButton && help) {
    helpButton.hidden = false;
    helpButton.addEventListener("click", () => help.showModal());
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!isOn() || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const part = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!part) return;
    event.preventDefault();
    use(part);
  });

  // In the fields of a choice, Enter records that choice; in a text of several lines, Ctrl+Enter does.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.defaultPrevented) return;
    const button = event.target.closest("details.kind")?.querySelector("[type=submit]");
    const records = event.target.matches("textarea") ? event.ctrlKey || event.metaKey : event.target.matches("input");
    if (!button || !records) return;
    event.preventDefault();
    button.click();
  });
}
