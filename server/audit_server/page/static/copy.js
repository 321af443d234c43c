// Buttons that copy an event as JSON, or the link to it.
export function offerCopies(place) {
  if (!navigator.clipboard) return; // not over plain HTTP from elsewhere
  for (const button of place.querySelectorAll("button.copy[hidden]")) {
    button.hidden = false;
    const name = button.textContent;
    button.addEventListener("click", async () => {
      const whole = button.closest(".whole");
      const text = button.dataset.copy === "link"
        ? new URL(button.dataset.link, location.href).href
        : whole.querySelector(".json code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed to copy";
      }
      setTimeout(() => { button.textContent = name; }, 1500);
    });
  }
}
