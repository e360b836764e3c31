"use strict";
// Decides in the rows of a batch without leaving the page, by mouse or keyboard. The forms also work without scripts.
{
  const REMEMBERED = "simsvc-shortcuts";
  const said = document.getElementById("row-said");
  const tableOf = () => document.querySelector("table.triage");
  const rowsOf = () => [...document.querySelectorAll(".triage-row")];
  const say = (sentence) => { said.textContent = sentence; };
  const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

  const complain = (row, sentence, link = null) => {
    const place = row.querySelector(".triage-decision");
    let problem = place.querySelector(".row-problem");
    if (!problem) {
      problem = Object.assign(document.createElement("p"), { className: "field-problem row-problem" });
      problem.setAttribute("role", "alert");
      place.prepend(problem);
    }
    problem.textContent = sentence;
    if (link) problem.append(" ", link);
  };
  const complainEnded = (row) => {
    const { ended, signIn, signInUrl } = tableOf().dataset;
    const link = Object.assign(document.createElement("a"), { href: signInUrl, target: "_blank", rel: "noopener", textContent: signIn });
    complain(row, ended, link);
  };
  const focusIn = (row) => (row.querySelector("[aria-invalid]") ?? row).focus();
  const isOpen = (row) => "recorded" in row.dataset && !("decided" in row.dataset);
  const nextOpen = (row) => {
    const rows = rowsOf(), at = rows.indexOf(row);
    return rows.slice(at + 1).find(isOpen) ?? rows.find(isOpen) ?? row;
  };
  const keepTokens = (page) => {
    const fresh = page.querySelector("input[name=csrf_token]");
    if (fresh) for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = fresh.value;
    return Boolean(fresh && page.getElementById("send-again"));
  };

  // Sends a decision, and puts the row of the answer in the place of the old one.
  const send = async (form, button, again = false) => {
    const row = form.closest(".triage-row"), address = new URL(form.action);
    address.searchParams.set("row", "1");
    row.dataset.sending = "";
    try {
      const body = new FormData(form);
      if (button?.name) body.set(button.name, button.value);
      const answer = await fetch(address, { method: "POST", body });
      const page = parsed(await answer.text()), fresh = page.querySelector(".triage-row");
      if (fresh) {
        const shown = document.adoptNode(fresh);
        row.replaceWith(shown);
        if (answer.ok) { say(`${shown.querySelector("th").firstChild.textContent.trim()}: ${said.dataset.done}`); nextOpen(shown).focus(); }
        else focusIn(shown);
      } else if (keepTokens(page) && !again) {
        await send(form, button, true);
      } else if (answer.redirected || page.querySelector(".sign-in-again")) {
        complainEnded(row);
      } else {
        complain(row, window.simsvcForms.sentenceOf(page) || tableOf().dataset.failed);
      }
    } catch {
      complain(row, tableOf().dataset.failed);
    } finally {
      delete row.dataset.sending;
    }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("rowForm" in form.dataset)) return;
    event.preventDefault();
    if ("sending" in form.closest(".triage-row").dataset) return;
    send(form, event.submitter);
  }, true);

  const step = (row, by) => {
    const rows = rowsOf(), at = row ? rows.indexOf(row) + by : 0;
    const target = rows[Math.min(Math.max(at, 0), rows.length - 1)];
    target?.focus();
    target?.scrollIntoView({ block: "nearest" });
  };
  const open = (row, key) => {
    const fold = row.querySelector(`details[data-row-key="${key}"]`);
    if (!fold) return;
    fold.open = true;
    fold.querySelector("input:not([type=hidden]), textarea").focus();
  };
  const plausible = (row) => {
    const button = row.querySelector("button[value=accept]");
    if (button) button.form.requestSubmit(button);
    else say(said.dataset.unreliable);
  };
  const decide = (row, key) => {
    const change = row.querySelector("details.change");
    if ("decided" in row.dataset && !change?.open) { say(said.dataset.decided); return; }
    if (key === "1") plausible(row); else open(row, key);
  };
  const switched = document.getElementById("row-keys");
  const read = () => { try { return localStorage.getItem(REMEMBERED); } catch { return null; } };
  const write = (value) => { try { localStorage.setItem(REMEMBERED, value); } catch { /* this page only */ } };
  if (switched) {
    switched.closest(".triage-keys").hidden = false;
    switched.checked = read() !== "off";
    switched.addEventListener("change", () => write(switched.checked ? "on" : "off"));
  }
  const isTyping = (target) => target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest(".triage-row");
    if (event.key === "Escape" && row) {
      const fold = event.target.closest("details[open]");
      if (fold) { fold.open = false; row.focus(); }
      return;
    }
    if (!switched?.checked || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") step(row, key === "j" ? 1 : -1);
    else if (row && ["1", "2", "3"].includes(key) && "recorded" in row.dataset) decide(row, key);
    else return;
    event.preventDefault();
  });

  // For batch.js: rows in use are neither replaced nor moved.
  const isInUse = (row) => row.contains(document.activeElement) || "sending" in row.dataset || Boolean(row.querySelector("details[open], .row-problem"));
  const update = (fresh) => {
    const table = tableOf(), rows = fresh.querySelectorAll(".triage-row");
    if (!table || !rows.length) return;
    const body = table.tBodies[0], known = new Map(rowsOf().map((row) => [row.id, row]));
    const still = table.matches(":hover, :focus-within") || rowsOf().some(isInUse);
    for (const row of rows) {
      const old = known.get(row.id);
      const isSame = old && (isInUse(old) || old.textContent === row.textContent); // its picture is not loaded again
      const shown = isSame ? old : document.adoptNode(row);
      if (old && !isSame) old.replaceWith(shown);
      if (!still) body.append(shown);
      known.delete(row.id);
    }
    if (!still) for (const gone of known.values()) gone.remove();
  };
  window.simsvcRows = { update, isUsed: () => rowsOf().some(isInUse) };
}
