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
  const countDown = () => {
    const count = document.querySelector("[data-filter=undecided] .count");
    if (count) count.textContent = Math.max(0, Number(count.textContent) - 1);
  };
  const nextOpen = (row) => {
    const rows = rowsOf(), at = rows.indexOf(row);
    return rows.slice(at + 1).find(isOpen) ?? rows.find(isOpen) ?? row;
  };
  const keepTokens = (page) => {
    const fresh = page.querySelector("input[name=csrf_token]");
    if (fresh) for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = fresh.value;
    return Boolean(fresh && page.getElementById("send-again"));
  };

  // htmx sends the form of a row and puts the row of the answer in its place; here is what else an answer can be.
  const rowSent = ({ requestConfig: sent }) => (sent?.verb === "post" ? sent.elt.closest(".triage-row") : null);
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig: { elt: form, triggeringEvent } } = event.detail, row = rowSent(event.detail);
    const page = row && parsed(xhr.responseText);
    if (!row || page.querySelector(".triage-row")) return;
    event.preventDefault();
    const isFirst = !("again" in form.dataset);
    if (keepTokens(page) && isFirst) {
      form.dataset.again = "";
      setTimeout(() => triggeringEvent.submitter.click()); // once this request is over
    } else if (new URL(xhr.responseURL).pathname !== new URL(form.action).pathname || page.querySelector(".sign-in-again")) {
      complainEnded(row);
    } else {
      complain(row, window.simsvcForms.sentenceOf(page) || tableOf().dataset.failed);
    }
    if (!isFirst) delete form.dataset.again;
  });
  document.addEventListener("htmx:afterSwap", ({ target, detail }) => {
    if (detail.requestConfig?.verb !== "post" || !target.matches(".triage-row")) return;
    if (detail.xhr.status >= 400) { focusIn(target); return; }
    if (isOpen(detail.requestConfig.elt.closest(".triage-row"))) countDown(); // the row as it was
    say(`${target.querySelector("th").firstChild.textContent.trim()}: ${said.dataset.done}`);
    nextOpen(target).focus();
  });
  document.addEventListener("htmx:sendError", ({ detail }) => {
    const row = rowSent(detail);
    if (row) complain(row, tableOf().dataset.failed);
  });

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
    if (button) button.click();
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

  // As on the page of a result: in a text of several lines, Ctrl+Enter records the choice.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !(event.ctrlKey || event.metaKey)) return;
    const form = event.target.matches("textarea") ? event.target.closest(".triage-row form") : null;
    if (!form) return;
    event.preventDefault();
    form.querySelector("[type=submit]").click();
  });

  // For live.js: rows in use are neither replaced nor moved, and unchanged rows stay: their pictures are not loaded again.
  const isInUse = (row) => row.contains(document.activeElement) || row.matches(".htmx-request") || Boolean(row.querySelector("details[open], .row-problem"));
  const toRenew = () => {
    if (!tableOf()) return ["triage-results"]; // nothing matched the filter so far
    const isStill = tableOf().matches(":hover, :focus-within") || rowsOf().some(isInUse);
    return isStill ? rowsOf().filter((row) => !isInUse(row)).map((row) => row.id) : ["triage-rows"];
  };
  document.addEventListener("htmx:oobBeforeSwap", ({ target, detail }) => {
    if (!target.matches(".triage-row, #triage-rows")) return;
    detail.shouldSwap = target.textContent !== detail.fragment.textContent;
    for (const row of detail.fragment.querySelectorAll(".triage-row")) {
      if (document.getElementById(row.id)?.textContent === row.textContent) row.setAttribute("hx-preserve", "true");
    }
  });
  window.simsvcRows = { toRenew, isUsed: () => rowsOf().some(isInUse) };
}
