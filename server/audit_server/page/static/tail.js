// Live: new rows come on top, late ones too; what is being read stays where it is.
import { piece, recolour } from "./fetching.js";

const PAUSE = 2000;
const PATIENCE = 15000; // between looks, where the server does not answer

export function tail(log) {
  if (!log || !("live" in log.dataset)) return;
  const status = document.getElementById("tail");
  const rows = document.getElementById("rows");
  const seen = new Set(log.dataset.seen.split(" "));
  for (const row of rows.querySelectorAll("tr.event")) seen.add(row.id.slice(2));
  let cursor = log.dataset.cursor;
  let pause = PAUSE;
  let timer = 0;
  let looking = false;
  let came = 0;
  let above = 0;
  const since = new Date().toLocaleTimeString("en-GB", { timeZone: document.documentElement.dataset.zone });

  const jump = document.createElement("button");
  jump.type = "button";
  jump.className = "above";
  jump.hidden = true;
  jump.addEventListener("click", () => {
    above = 0;
    jump.hidden = true;
    log.scrollIntoView();
    rows.querySelector("a.toggle")?.focus({ preventScroll: true });
  });
  log.append(jump);

  function tell(text) {
    if (status.textContent !== text) status.textContent = text;
  }

  function summary() {
    if (document.hidden) return "Live: paused while the page is hidden.";
    return came ? `Live since ${since}: ${came.toLocaleString("en")} new event${came === 1 ? "" : "s"}.`
      : `Live since ${since}: waiting for events.`;
  }

  async function look() {
    if (document.hidden || looking) return;
    looking = true;
    clearTimeout(timer);
    try {
      const there = new URL(log.dataset.live, location.href);
      if (cursor) there.searchParams.set("since", cursor);
      const body = (await piece(there)).querySelector("tbody");
      cursor = body.dataset.cursor || cursor;
      put([...body.querySelectorAll("tr.event")].filter((row) => !seen.has(row.id.slice(2))));
      pause = PAUSE;
      tell(summary());
    } catch (error) {
      pause = Math.min(pause * 2, PATIENCE);
      tell(`${error.message} The page goes on trying.`);
    }
    looking = false;
    if (!document.hidden) timer = setTimeout(look, pause);
  }

  function put(fresh) {
    if (!fresh.length) return;
    document.getElementById("empty")?.remove();
    const top = rows.getBoundingClientRect().top;
    const reads = top < 0 || rows.querySelector(".details, :focus") !== null;
    const anchor = rows.firstElementChild;
    const before = anchor?.getBoundingClientRect().top ?? 0;
    for (const row of fresh) {
      seen.add(row.id.slice(2));
      row.classList.add("new");
    }
    recolour({ querySelectorAll: (what) => fresh.flatMap((row) => [...row.querySelectorAll(what)]) });
    rows.prepend(...fresh);
    came += fresh.length;
    if (!reads || !anchor) return;
    scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    above += fresh.length;
    jump.textContent = `↑ ${above.toLocaleString("en")} new event${above === 1 ? "" : "s"}`;
    jump.hidden = false;
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    tell(summary());
    look();
  });
  addEventListener("scroll", () => {
    if (rows.getBoundingClientRect().top >= 0) {
      above = 0;
      jump.hidden = true;
    }
  }, { passive: true });
  tell(summary());
  timer = setTimeout(look, PAUSE);
}
