"use strict";
// Estimates the time that a batch still needs, from the photos done since the page was opened.
{
  const MINUTE_S = 60;
  const progress = () => document.getElementById("batch-progress");
  const began = { at: performance.now(), done: Number(progress()?.dataset.done) };
  document.addEventListener("htmx:afterRequest", () => {
    const { done, total, seconds, minutes } = progress().dataset, place = progress().querySelector(".time-left");
    const finished = Number(done) - began.done;
    if (!place || finished < 1) return;
    const left = (Number(total) - Number(done)) * (performance.now() - began.at) / finished / 1000;
    const inMinutes = left >= MINUTE_S * 1.5;
    place.textContent = (inMinutes ? minutes : seconds).replace("{count}", Math.max(1, Math.round(inMinutes ? left / MINUTE_S : left)));
  });
}
