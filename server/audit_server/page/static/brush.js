// Drag over the bars to zoom in; or move between them by arrow keys, Shift to extend, Enter to zoom.
const SLIP = 4; // pixels: less is a click on one bar, which is a link

export function brush(frame) {
  if (!frame) return;
  const bars = [...frame.querySelectorAll(".bar")];
  const plot = frame.querySelector(".plot");
  const shade = frame.querySelector(".shade");
  const readout = document.getElementById("readout");
  if (!bars.length) return;

  let anchor = null;
  let from = 0;
  let to = 0;

  function tell(text) {
    readout.textContent = text;
  }

  function mark() {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    bars.forEach((bar, at) => bar.classList.toggle("chosen", low !== high && at >= low && at <= high));
    return bars.slice(low, high + 1);
  }

  function zoom(chosen) {
    const there = new URL(frame.dataset.link, location.href);
    there.searchParams.set("from", instant(chosen[0].dataset.start));
    there.searchParams.set("to", instant(chosen.at(-1).dataset.end));
    location.assign(there);
  }

  function describe(chosen) {
    const events = chosen.reduce((sum, bar) => sum + Number(bar.dataset.count), 0);
    const first = chosen[0].getAttribute("aria-label").split(" to ")[0].split(", ")[0];
    const names = chosen.length === 1
      ? chosen[0].getAttribute("aria-label")
      : `${chosen.length} bars from ${first}: ${events.toLocaleString("en")} events`;
    return names;
  }

  // By keyboard: one stop of the Tab key, and arrows within.
  bars.forEach((bar, at) => { bar.tabIndex = at === 0 ? 0 : -1; });
  plot.addEventListener("keydown", (event) => {
    const at = bars.indexOf(document.activeElement);
    if (at < 0) return;
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: bars.length - 1 - at }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.min(Math.max(at + step, 0), bars.length - 1);
      if (event.shiftKey) to = next;
      else from = to = next;
      bars[at].tabIndex = -1;
      bars[next].tabIndex = 0;
      bars[next].focus();
      const chosen = mark();
      tell(chosen.length > 1 ? `${describe(chosen)}. Enter zooms, Escape lets go.` : describe(chosen));
    } else if (event.key === "Enter" && from !== to) {
      event.preventDefault();
      zoom(mark());
    } else if (event.key === "Escape") {
      from = to = at;
      mark();
      tell("");
    }
  });
  plot.addEventListener("focusin", (event) => {
    const at = bars.indexOf(event.target);
    if (at >= 0 && from === to) {
      from = to = at;
      tell(`${describe([bars[at]])}. Shift and arrow keys choose several.`);
    }
  });

  // By pointer.
  const place = (event) => {
    const box = plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(Math.max(Math.floor(share * bars.length), 0), bars.length - 1);
  };
  plot.addEventListener("dragstart", (event) => event.preventDefault());
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    anchor = { x: event.clientX, at: place(event), moved: false };
  });
  plot.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (!anchor) return tell(describe([bars[at]]));
    if (Math.abs(event.clientX - anchor.x) < SLIP && !anchor.moved) return;
    if (!anchor.moved) plot.setPointerCapture(event.pointerId);
    anchor.moved = true;
    [from, to] = [anchor.at, at];
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    const width = plot.getBoundingClientRect().width / bars.length;
    shade.style.left = `${low * width}px`;
    shade.style.width = `${(high - low + 1) * width}px`;
    shade.hidden = false;
    tell(describe(bars.slice(low, high + 1)));
  });
  plot.addEventListener("pointerup", () => {
    const dragged = anchor?.moved;
    anchor = null;
    shade.hidden = true;
    if (!dragged) return;
    plot.addEventListener("click", (event) => event.preventDefault(), { once: true, capture: true });
    zoom(bars.slice(Math.min(from, to), Math.max(from, to) + 1));
  });
  plot.addEventListener("pointercancel", () => { anchor = null; shade.hidden = true; });
  plot.addEventListener("pointerleave", () => { if (!anchor) tell(""); });
}

function instant(text) {
  return new Date(text).toISOString();
}
