// The table of classes: sorted and filtered, with the sections in the same order.

const rows = new Map(all("#list tr").map((row) => [row.dataset.section, row]));
const items = data.sections.map((section, number) => ({
  ...section,
  number,
  element: document.getElementById(section.id),
  row: rows.get(section.id),
  names: [section.label, ...spellings(inSection[number].map((k) => pools[k]))].map((name) => name.toLowerCase()),
}));

const filter = find("#filter");
function applyFilter() {
  const wanted = filter.value.trim().toLowerCase();
  let seen = 0;
  for (const { row, element, names } of items) {
    const fits = names.some((name) => name.includes(wanted));
    row.hidden = element.hidden = !fits;
    seen += fits;
  }
  find("#found").textContent = `${seen} of ${items.length}`;
  find("#nonefound").hidden = seen > 0 || !items.length;
}
filter.addEventListener("input", () => {
  applyFilter();
  remember();
});

const orders = {
  place: (item) => item.number,
  n: (item) => item.n,
  kept: (item) => now.sections[item.number].kept,
  cut: (item) => now.sections[item.number].cut,
  share: (item) => now.sections[item.number].cut / item.n,
  unjudged: (item) => now.sections[item.number].unjudged,
};
let sorted = { by: "place", down: false };
function sortClasses() {
  const key = orders[sorted.by];
  const sign = sorted.down ? -1 : 1;
  const ordered = [...items].sort((a, b) => sign * (key(a) - key(b)) || a.number - b.number);
  const shown = all("#list tr").map((row) => row.dataset.section);
  if (!ordered.every((item, k) => item.id === shown[k])) {
    find("#list").append(...ordered.map((item) => item.row));
    find("main").prepend(...ordered.map((item) => item.element));
  }
  all("#classes [data-sort]").forEach((button) => {
    const on = button.dataset.sort === sorted.by;
    const words = sorted.down ? "descending" : "ascending";
    button.closest("th").setAttribute("aria-sort", on ? words : "none");
  });
}
find("#classes").addEventListener("click", (event) => {
  const by = event.target.closest("[data-sort]")?.dataset.sort;
  if (!by) return;
  // Numbers start with the largest, names with the first.
  sorted = { by, down: sorted.by === by ? !sorted.down : by !== "place" };
  sortClasses();
  remember();
});

// Links to classes keep the state of the page in its address.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  const section = link && document.getElementById(link.getAttribute("href").slice(1));
  if (!section?.matches("section.class")) return;
  event.preventDefault();
  goTo(section.id);
});
function goTo(id) {
  const section = document.getElementById(id);
  if (!section) return;
  const item = items.find((each) => each.id === id);
  if (item) build(item.number);
  at = id;
  remember();
  section.scrollIntoView();
  section.focus({ preventScroll: true });
}
