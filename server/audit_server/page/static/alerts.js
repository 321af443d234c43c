// Live: the list of alerts as it is now. It never changes under somebody who has chosen some.
import { piece } from "./fetching.js";

const PAUSE = 5000;
const PATIENCE = 60000; // between looks, where the server does not answer

function follow(list) {
  const status = document.getElementById("alert-tail");
  const total = document.getElementById("alert-total");
  let pause = PAUSE;
  let timer = 0;

  function tell(text) {
    if (status.textContent !== text) status.textContent = text;
  }

  function isBusy() {
    return list.querySelector(".pick input:checked, .bulk :focus") !== null;
  }

  async function look() {
    clearTimeout(timer);
    if (document.hidden) return;
    if (isBusy()) {
      tell("Live: waiting while alerts are chosen.");
    } else {
      try {
        const found = (await piece(list.dataset.live)).querySelector("table");
        put(found);
        pause = PAUSE;
      } catch (error) {
        pause = Math.min(pause * 2, PATIENCE);
        tell(`${error.message} The page goes on trying.`);
      }
    }
    if (!document.hidden) timer = setTimeout(look, pause);
  }

  function put(found) {
    const rows = document.getElementById("alert-rows");
    const fresh = [...found.querySelectorAll("tr")];
    if (isBusy()) return;
    if (!rows) {
      if (fresh.length) location.reload(); // the list was empty: the page has no table yet
      return;
    }
    const known = new Set([...rows.querySelectorAll(".row-link")].map((link) => link.href));
    const focused = document.activeElement?.closest("#alert-rows .row-link")?.href;
    const came = fresh.filter((row) => !known.has(row.querySelector(".row-link").href));
    for (const row of came) row.classList.add("new");
    rows.replaceChildren(...fresh);
    if (focused) [...rows.querySelectorAll(".row-link")].find((link) => link.href === focused)?.focus();
    total.textContent = Number(found.dataset.total).toLocaleString("en");
    if (came.length) tell(`Live: ${came.length} new alert${came.length === 1 ? "" : "s"}.`);
    else if (status.textContent === "" || !status.textContent.includes("new")) tell("Live: waiting for alerts.");
  }

  document.addEventListener("visibilitychange", look);
  tell("Live: waiting for alerts.");
  timer = setTimeout(look, PAUSE);
}

const list = document.getElementById("alerts-live");
if (list) follow(list);
