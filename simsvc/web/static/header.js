"use strict";
// "/" goes to the search box unless shortcuts are switched off; Escape or a click elsewhere closes the menu "More".
{
  const search = document.getElementById("site-search"), more = document.querySelector(".more details");
  const isTyping = (target) => target.isContentEditable || target.closest("input, textarea, select, dialog[open]");
  const areOff = () => { try { return localStorage.getItem("simsvc-shortcuts") === "off"; } catch { return false; } };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && more?.open) { more.open = false; more.querySelector("summary").focus(); }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented;
    if (event.key !== "/" || !plain || isTyping(event.target) || areOff()) return;
    event.preventDefault();
    search?.focus();
    search?.select();
  });
  document.addEventListener("click", (event) => { if (more?.open && !more.contains(event.target)) more.open = false; });
}
