// The table of images, sorted by any column: numbers start with the largest, names with the first.

find("#images")?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-column]");
  if (!button) return;
  const heading = button.closest("th");
  const column = Number(button.dataset.column);
  const body = find("#images tbody");
  const lines = all("tr", body);
  const value = (line) => line.children[column].dataset.value ?? line.children[column].textContent;
  const names = column === 0;
  const before = heading.getAttribute("aria-sort");
  const down = before === "none" ? !names : before === "ascending";
  const compare = names
    ? (a, b) => value(a).localeCompare(value(b), "en", { numeric: true })
    : (a, b) => Number(value(a)) - Number(value(b));
  // What has no value comes last.
  const [known, unknown] = [lines.filter((line) => value(line) !== ""), lines.filter((line) => value(line) === "")];
  known.sort((a, b) => (down ? -1 : 1) * compare(a, b));
  body.append(...known, ...unknown);
  all("#images [data-column]").forEach((each) => each.closest("th").setAttribute("aria-sort", "none"));
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
});
