// Keys for whoever reads many events: to the filter, through the rows, and what keys there are.
// Off while one types, and with Ctrl, Alt or Meta, which are the browser's and the screen reader's.
const KEYS = [
  ["/", "Go to the filter"],
  ["j", "Next row"],
  ["k", "Previous row"],
  ["Enter", "Open the row, or close it"],
  ["g o", "Go to the overview"],
  ["g e", "Go to the events"],
  ["g a", "Go to the alerts"],
  ["g r", "Go to the reports"],
  ["g d", "Go to the dead letters"],
  ["g v", "Go to the saved views"],
  ["?", "Show these keys"],
  ["Esc", "Leave the filter, or close this"],
];
const PARTS = { o: "/overview", e: "/", a: "/alerts", r: "/reports/team", d: "/dead-letters", v: "/views" };
// What one steps through: the link of each row, on the first of these that the page has.
const ROWS = ["#rows a.toggle", "a.row-link", "[data-rows] tbody a", ".views a.name", "main tbody tr > :first-child a"];
const FILTERS = ["#f-user", "#ask input:not([type=hidden])", "main form[method=get] input:not([type=hidden])"];
const PREFIX_MS = 1500;

export function listen() {
  let goes = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || event.isComposing) return;
    if (event.key === "Escape" && types(event.target)) return event.target.blur();
    if (types(event.target) || document.querySelector("dialog[open]")) return;
    const part = Date.now() - goes < PREFIX_MS ? PARTS[event.key] : undefined;
    goes = 0;
    if (part) return go(part, event);
    if (event.key === "g") goes = Date.now();
    else act(event);
  });
}

function act(event) {
  if (event.key === "/") toFilter(event);
  else if (event.key === "j") step(1, event);
  else if (event.key === "k") step(-1, event);
  else if (event.key === "?") show(event);
}

function types(target) {
  return target.matches?.("input:not([type=checkbox], [type=radio], [type=submit]), textarea, select, [contenteditable]");
}

function go(path, event) {
  const known = [...document.querySelectorAll(".parts a, .views-link")];
  const link = known.find((one) => new URL(one.href).pathname === path);
  if (!link) return; // a part that the reader has not
  event.preventDefault();
  link.click();
}

function toFilter(event) {
  const field = FILTERS.map((one) => document.querySelector(one)).find((one) => one && one.offsetParent !== null);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}

function rows() {
  for (const one of ROWS) {
    const found = [...document.querySelectorAll(one)].filter((link) => link.offsetParent !== null);
    if (found.length) return found;
  }
  return [];
}

function step(by, event) {
  const all = rows();
  if (!all.length) return;
  event.preventDefault();
  const row = document.activeElement?.closest("tr, li");
  const at = row ? all.findIndex((link) => row.contains(link)) : -1;
  const next = at < 0 ? firstInSight(all) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next].focus({ preventScroll: true, focusVisible: true });
  all[next].scrollIntoView({ block: "nearest" });
  (all[next].closest("tr, li") ?? all[next]).scrollIntoView({ block: "nearest" });
}

function firstInSight(all) {
  const found = all.findIndex((link) => link.getBoundingClientRect().top >= 0);
  return found < 0 ? 0 : found;
}

function show(event) {
  event.preventDefault();
  const before = document.activeElement;
  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  dialog.setAttribute("aria-labelledby", "keys-title");
  const title = document.createElement("h2");
  title.id = "keys-title";
  title.textContent = "Keyboard";
  const list = document.createElement("dl");
  for (const [keys, what] of KEYS) {
    const line = document.createElement("div");
    const name = document.createElement("dt");
    for (const key of keys.split(" ")) {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      name.append(cap, " ");
    }
    const text = document.createElement("dd");
    text.textContent = what;
    line.append(name, text);
    list.append(line);
  }
  const form = document.createElement("form");
  form.method = "dialog";
  const close = document.createElement("button");
  close.textContent = "Close";
  form.append(close);
  dialog.append(title, list, form);
  dialog.addEventListener("close", () => { dialog.remove(); before?.focus?.(); });
  document.body.append(dialog);
  dialog.showModal();
}
