// More rows as one scrolls; the link stays, for whoever can't or has scrolled long enough.
import { piece, recolour } from "./fetching.js";

const BY_ITSELF = 20; // pages; then one asks by the link, so that a page does not grow without end

export function followOn(place) {
  const link = document.getElementById("more");
  if (!link) return;
  let pages = 0;
  let loading = false;

  async function load() {
    if (loading || !link.isConnected) return;
    loading = true;
    place.querySelector(".trouble")?.remove();
    link.textContent = "Loading …";
    link.setAttribute("aria-busy", "true");
    try {
      append(await piece(link.dataset.rows));
      pages += 1;
    } catch (error) {
      complain(error.message);
    }
    loading = false;
    link.removeAttribute("aria-busy");
    link.textContent = "More events";
  }

  function append(found) {
    const body = found.querySelector("tbody");
    const rows = document.getElementById("rows");
    recolour(body);
    const fresh = [...body.querySelectorAll("tr.event")].filter((row) => !document.getElementById(row.id));
    rows.append(...fresh);
    if (body.dataset.cursor) {
      link.href = body.dataset.more;
      link.dataset.rows = body.dataset.cursor;
      watch.unobserve(link);
      if (pages < BY_ITSELF) watch.observe(link); // tells again if it is still in sight
    } else {
      const end = document.createElement("span");
      end.className = "all";
      end.textContent = "End of results.";
      link.replaceWith(end);
    }
  }

  function complain(message) {
    const text = document.createElement("span");
    text.className = "trouble";
    text.setAttribute("role", "alert");
    text.textContent = message;
    link.before(text);
  }

  const watch = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && !place.querySelector(".trouble") && pages < BY_ITSELF) load();
  }, { rootMargin: "600px" });
  watch.observe(link);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    load();
  });
}
