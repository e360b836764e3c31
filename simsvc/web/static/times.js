"use strict";
// Shows times in the reader's time zone; without scripts they are in UTC.
{
  const language = document.documentElement.lang;
  const words = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { // same format as the server
    day: "numeric", month: "long", year: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short",
  });
  const write = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      const instant = new Date(time.dateTime);
      if (Number.isNaN(instant.getTime())) continue;
      time.title = time.textContent; // UTC, as in records and exports
      time.textContent = words.format(instant);
    }
  };
  write(document);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node instanceof Element) write(node);
  }).observe(document.body, { childList: true, subtree: true });
}
