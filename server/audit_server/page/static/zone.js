// The reader's own time zone: the server learns it by a cookie, or where there is none, by the address.
const COOKIE = "auditlog_tz";

function own() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

// Tells the server the zone, once. Returns whether the page is loaded again, in that zone.
export function askZone() {
  const page = document.documentElement;
  if (!("askZone" in page.dataset)) return false;
  const said = `${COOKIE}=${own()}`;
  if (document.cookie.split("; ").includes(said)) return false; // the server knows no such zone
  const year = 365 * 24 * 3600;
  document.cookie = `${said}; path=/; max-age=${year}; samesite=strict`;
  if (own() === page.dataset.zone) return false;
  const here = new URL(location.href);
  if (!document.cookie.includes(`${COOKIE}=`)) here.searchParams.set("tz", own());
  location.replace(here);
  return true;
}

// Offers the reader's own zone beside the one that a link brought along.
export function offerOwnZone() {
  const link = document.querySelector(".own-zone");
  if (!link || own() === document.documentElement.dataset.zone) return;
  const there = new URL(link.href);
  there.searchParams.set("tz", own());
  link.href = there;
  link.textContent = ` · show ${own()}`;
  link.hidden = false;
}
