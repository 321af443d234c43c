// What makes the page quicker to use. Without it, every link and the form still work.
import { askZone, offerOwnZone } from "./zone.js";
import { suggest } from "./suggest.js";
import { brush } from "./brush.js";
import { unfold } from "./unfold.js";
import { followOn } from "./further.js";
import { tail } from "./tail.js";
import { showLoading } from "./loading.js";
import { renew } from "./pending.js";
import { listen } from "./keyboard.js";

if (!askZone()) {
  offerOwnZone();
  document.querySelectorAll("input[data-suggest]").forEach(suggest);
  brush(document.getElementById("brush"));
  unfold(document);
  followOn(document.getElementById("further"));
  tail(document.getElementById("log"));
  showLoading();
  renew(document.getElementById("pipeline"));
  listen();
}
document.documentElement.dataset.ready = "";
