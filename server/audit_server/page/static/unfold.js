// A row opens to the whole event where it stands; the address says which one is open.
import { piece } from "./fetching.js";
import { offerCopies } from "./copy.js";

export function unfold(page) {
  offerCopies(page);
  page.addEventListener("click", (event) => {
    const toggle = event.target.closest("a.toggle");
    if (toggle) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab is the reader's wish
      event.preventDefault();
      turn(toggle);
      return;
    }
    const row = event.target.closest("tr.event");
    if (!row || event.target.closest("a, button") || String(getSelection())) return;
    turn(row.querySelector("a.toggle"));
  });
  page.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches("a.toggle")) return;
    event.preventDefault();
    const all = [...document.querySelectorAll("#rows a.toggle")];
    all[all.indexOf(event.target) + step]?.focus();
  });
}

async function turn(toggle) {
  const row = toggle.closest("tr");
  if (toggle.getAttribute("aria-expanded") === "true") return fold(toggle, row);
  toggle.setAttribute("aria-expanded", "true");
  row.classList.add("open");
  const inside = document.createElement("tr");
  inside.className = "details";
  inside.setAttribute("role", "row");
  const cell = inside.insertCell();
  cell.setAttribute("role", "cell");
  cell.colSpan = row.cells.length;
  cell.append(waiting());
  row.after(inside);
  address((here) => here.searchParams.set("open", row.id.slice(2)));
  try {
    const found = await piece(toggle.dataset.details);
    cell.replaceChildren(...found.body.childNodes);
    offerCopies(cell);
  } catch (error) {
    cell.replaceChildren(trouble(error.message, () => { fold(toggle, row); turn(toggle); }));
  }
}

function fold(toggle, row) {
  toggle.setAttribute("aria-expanded", "false");
  row.classList.remove("open");
  if (row.nextElementSibling?.classList.contains("details")) row.nextElementSibling.remove();
  address((here) => {
    if (here.searchParams.get("open") === row.id.slice(2)) here.searchParams.delete("open");
  });
}

// Only the log's own page keeps in its address what is open.
function address(change) {
  if (location.pathname !== "/") return;
  const here = new URL(location.href);
  change(here);
  here.hash = "";
  history.replaceState(null, "", here);
}

function waiting() {
  const text = document.createElement("p");
  text.className = "whole none";
  text.setAttribute("role", "status");
  text.textContent = "Loading the event …";
  return text;
}

export function trouble(message, again) {
  const text = document.createElement("p");
  text.className = "whole sentence";
  text.setAttribute("role", "alert");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Try again";
  button.addEventListener("click", again);
  text.append(`${message} `, button);
  return text;
}
