// What every page has: light or dark, and lists that open when something asks for them.
// The page is complete without its script, except for what moves.

const root = document.documentElement;
root.classList.add("script");
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

find("#theme").addEventListener("click", () => {
  const now = root.style.colorScheme;
  const dark = now ? now === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = dark ? "light" : "dark";
});

// A link to a closed list opens it, and so does printing.
const unfold = () => find("details:target")?.setAttribute("open", "");
addEventListener("hashchange", unfold);
unfold();
addEventListener("beforeprint", () => all("details").forEach((each) => (each.open = true)));
