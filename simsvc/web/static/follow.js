"use strict";
// Fetches a part of the page again and again, as long as it is marked with data-follow.
{
  const EVERY_MS = 1000;
  const follow = async () => {
    const shown = document.querySelector("[data-follow]");
    if (!shown) return;
    if (!document.hidden && !shown.contains(document.activeElement)) {
      try {
        const response = await fetch(location.href, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.getElementById(shown.id);
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
