// Sections of many classes are built when they come near, or when something needs them all. Until
// then they are text, which a browser reads in no time; what stands in it is escaped.

function build(number) {
  if (putIn(number)) settle();
}
function buildAll() {
  if (items.filter((item) => putIn(item.number)).length) settle();
}
// Whether there was something to put in.
function putIn(number) {
  const { element } = items[number];
  const body = find(":scope > .later", element);
  if (!body) return false;
  body.outerHTML = body.textContent;
  addTiles(element);
  addPlaces(element);
  plots[number].plot = find(".plot", element);
  stale.add(number);
  tellSection(items[number]);
  return true;
}
function settle() {
  refreshTiles();
  setStops();
  countReviewed();
}
