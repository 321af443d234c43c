// A part of the page that is being found out is asked for again, a few times. Its link to reload stays.
import { piece } from "./fetching.js";

const PAUSE = 1000;
const TRIES = 10;

export function renew(place, tries = TRIES) {
  if (!place || !("pending" in place.dataset) || !tries) return;
  setTimeout(async () => {
    let found = null;
    try {
      found = (await piece(location.href)).getElementById(place.id);
    } catch {
      // The server may be away for a moment.
    }
    if (!found || "pending" in found.dataset) return renew(place, tries - 1);
    if (place.dataset.pending === "page") return location.reload();
    place.replaceWith(found);
  }, PAUSE);
}
