// Pieces of a page from the server. What comes is the server's own markup, in which events are escaped.
export class Trouble extends Error {}

// Returns the document; throws a Trouble whose message is for the reader.
export async function piece(address, signal) {
  let answer;
  try {
    answer = await fetch(address, { signal, headers: { accept: "text/html" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The server is unreachable.");
  }
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (answer.ok) return found;
  if (answer.status === 401) location.reload(); // which leads to the sign-in and back
  const sentence = found.querySelector(".sentence")?.textContent.trim();
  throw new Trouble(sentence ? `${sentence}.`.replace(/\.\.$/, ".") : `The server answered ${answer.status}.`);
}

// Gives rows that came later the colours that the histogram has for their activities.
export function recolour(rows) {
  const colours = new Map();
  for (const dot of document.querySelectorAll(".legend .dot[data-activity]")) {
    colours.set(dot.dataset.activity, dot.className);
  }
  for (const dot of rows.querySelectorAll(".dot[data-activity]")) {
    dot.className = colours.get(dot.dataset.activity) ?? dot.className;
  }
}
