"use strict";
// Updates the page of a batch until no photo is waiting.
{
  const EVERY_MS = 2000;
  const follow = async () => {
    const shown = document.getElementById("batch-state");
    if (!shown || !("unfinished" in shown.dataset)) return;
    if (!document.hidden && !shown.contains(document.activeElement)) {
      try {
        const response = await fetch(location.href, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.getElementById("batch-state");
        if (response.redirected || !fresh) { location.reload(); return; } // the session has ended
        shown.replaceWith(document.adoptNode(fresh));
      } catch {
        // the network is away; the next turn tries again
      }
    }
    setTimeout(follow, EVERY_MS);
  };
  setTimeout(follow, EVERY_MS);
}
