"use strict";
// Rules for the parts of a page that htmx renews (hx-trigger="every …", data-renews): what is in use stays as it is.
{
  const isLive = (element) => element.matches("[hx-trigger^=every]");
  const isFree = (part) => part && !part.contains(document.activeElement) && !part.querySelector("details[open]");
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isLive(event.detail.elt) && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { xhr, requestConfig: { elt } } = detail, rows = window.simsvcRows;
    if (!isLive(elt)) return;
    const isThere = detail.serverResponse.includes(`id="${elt.id}"`);
    const isError = xhr.status >= 400 && xhr.status !== 404; // the next turn tries again
    detail.shouldSwap = isThere && !isError;
    if (!isThere && !isError && !rows?.isUsed()) location.reload(); // it is finished or gone, or the session has ended
    const free = elt.dataset.renews.split(" ").filter((id) => isFree(document.getElementById(id)));
    elt.setAttribute("hx-select-oob", [...free, ...(rows?.toRenew() ?? [])].map((id) => `#${id}`).join());
  });
}
