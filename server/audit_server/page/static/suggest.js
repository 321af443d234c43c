// Values that begin with what is typed: a combobox as the ARIA practices describe it.
const PAUSE = 120;

export function suggest(input) {
  const list = document.createElement("ul");
  list.className = "options";
  list.id = `${input.id}-options`;
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", `Suggestions: ${input.labels[0].textContent}`);
  input.after(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
  })) input.setAttribute(name, value);

  let chosen = -1;
  let waiting = 0;
  let asking = new AbortController();

  function close() {
    clearTimeout(waiting);
    asking.abort();
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(place) {
    chosen = (place + list.children.length) % list.children.length;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
    list.children[chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", list.children[chosen].id);
  }

  function take(option) {
    input.value = option.dataset.value;
    close();
    input.form.requestSubmit();
  }

  function show(values, typed) {
    list.replaceChildren(...values.map((value, place) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${place}`;
      option.dataset.value = value;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const start = document.createElement("span");
      start.className = "start";
      start.textContent = value.slice(0, typed.length);
      option.append(start, value.slice(typed.length));
      return option;
    }));
    chosen = -1;
    list.hidden = values.length === 0;
    input.setAttribute("aria-expanded", String(values.length > 0));
  }

  async function ask() {
    const typed = input.value.trim();
    asking.abort();
    asking = new AbortController();
    const address = `/api/v1/suggest?${new URLSearchParams({ field: input.dataset.suggest, prefix: typed })}`;
    try {
      const answer = await fetch(address, { signal: asking.signal });
      if (answer.ok) show((await answer.json()).values, typed);
    } catch {
      // Suggestions are a help: without an answer one types on.
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    if (!input.value.trim()) return close();
    waiting = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && list.hidden) {
      event.preventDefault();
      ask();
    } else if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      choose(chosen < 0 && event.key === "ArrowUp" ? -1 : chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (!list.hidden && event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      take(list.children[chosen]);
    } else if (!list.hidden && event.key === "Escape") {
      event.preventDefault();
      close();
    }
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  input.addEventListener("blur", close);
}
