"use strict";
// "Try it": sends a request with the reader's own token, which is kept in the page and nowhere else.
const tokenForm = document.querySelector(".api-token");
const tokenField = tokenForm.querySelector("input");
tokenForm.hidden = false;
tokenForm.addEventListener("submit", (event) => event.preventDefault());

const requestOf = (trial, form) => {
  let path = trial.dataset.path;
  const query = new URLSearchParams(), headers = { Authorization: `Bearer ${tokenField.value.trim()}` };
  let body;
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.value.trim();
    if (field.dataset.in === "path") path = path.replace(new RegExp(`\\{(\\w+:)?${field.name}\\}`), encodeURIComponent(value));
    else if (field.dataset.in === "query" && value) query.set(field.name, value);
    else if (field.dataset.in === "file") {
      body = new FormData();
      for (const file of field.files) body.append(field.name, file);
    } else if (field.dataset.in === "json") {
      body = value;
      headers["Content-Type"] = "application/json";
    }
  }
  const address = query.size ? `${path}?${query}` : path;
  return [address, { method: trial.dataset.method, headers, body, credentials: "omit", cache: "no-store" }];
};

for (const trial of document.querySelectorAll(".api-try")) {
  const [form, status, shown] = ["form", "[role=status]", "pre"].map((name) => trial.querySelector(name));
  trial.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    shown.hidden = true;
    if (!tokenField.value.trim()) {
      status.textContent = "Enter your token first.";
      tokenField.focus();
      return;
    }
    status.textContent = "Sending…";
    try {
      const begun = performance.now(), answer = await fetch(...requestOf(trial, form));
      const type = answer.headers.get("Content-Type") ?? "", text = /json|text|csv/.test(type) ? await answer.text() : "";
      status.textContent = `${answer.status} ${answer.statusText}, ${type || "no content"}, ${Math.round(performance.now() - begun)} ms`;
      shown.textContent = /[/+]json/.test(type) ? JSON.stringify(JSON.parse(text), null, 2) : text;
      shown.hidden = !text;
    } catch {
      status.textContent = "The request failed. Check your connection.";
    }
  });
}
