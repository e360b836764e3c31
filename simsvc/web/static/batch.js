"use strict";
// Updates the page of a batch until no photo is waiting, and estimates the time left.
{
  const EVERY_MS = 2000, MINUTE_S = 60;
  const PARTS = ["batch-progress", "triage-bar", "triage-pages"];
  const progress = () => document.getElementById("batch-progress");
  const began = { at: performance.now(), done: Number(progress()?.dataset.done) };

  const showTimeLeft = () => {
    const { done, total, seconds, minutes } = progress().dataset, place = progress().querySelector(".time-left");
    const finished = Number(done) - began.done;
    if (!place || finished < 1) return;
    const left = (Number(total) - Number(done)) * (performance.now() - began.at) / finished / 1000;
    const inMinutes = left >= MINUTE_S * 1.5;
    place.textContent = (inMinutes ? minutes : seconds).replace("{count}", Math.max(1, Math.round(inMinutes ? left / MINUTE_S : left)));
  };
  const replace = (page) => {
    for (const id of PARTS) {
      const shown = document.getElementById(id), fresh = page.getElementById(id);
      if (shown && fresh && !shown.contains(document.activeElement) && !shown.querySelector("details[open]")) shown.replaceWith(document.adoptNode(fresh));
    }
    if (document.querySelector("table.triage")) window.simsvcRows.update(page);
    else if (page.querySelector("table.triage")) location.reload(); // the first result of this filter
  };
  const follow = async () => {
    if (!progress() || !("unfinished" in progress().dataset)) return;
    if (!document.hidden) {
      try {
        const response = await fetch(location.href, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        if (response.redirected) { // the session has ended
          if (!window.simsvcRows.isUsed()) location.reload();
          return;
        }
        if (response.ok) { replace(page); showTimeLeft(); }
      } catch {
        // the network is away; the next turn tries again
      }
    }
    setTimeout(follow, EVERY_MS);
  };
  setTimeout(follow, EVERY_MS);
}
