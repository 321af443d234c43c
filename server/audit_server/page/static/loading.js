// A bar across the top while the next page is on its way; blank fields stay out of the address.
export function showLoading() {
  document.getElementById("ask")?.addEventListener("submit", (event) => {
    for (const field of event.target.elements) {
      if (field.name && !field.value.trim()) field.disabled = true;
    }
    document.body.classList.add("loading");
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = link && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!plain || link.hasAttribute("download") || link.target || link.origin !== location.origin) return;
    if (link.pathname === location.pathname && link.search === location.search) return;
    document.body.classList.add("loading");
  });
  addEventListener("pageshow", () => {
    document.body.classList.remove("loading");
    for (const field of document.getElementById("ask")?.elements ?? []) field.disabled = false;
  });
}
