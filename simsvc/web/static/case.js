"use strict";
// Fetches the question whether two photos show the same person; without scripts, a link leads to it.
{
  const place = document.getElementById("same-person");
  const address = place?.querySelector("a.compare-faces")?.href;
  const ask = async () => {
    const answer = await fetch(address);
    if (!answer.ok || answer.redirected) return;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("same-person");
    if (!found?.classList.contains("asks")) return;
    found.removeAttribute("id");
    place.prepend(document.adoptNode(found));
  };
  if (address) ask().catch(() => {}); // the link stays
}
