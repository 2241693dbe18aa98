// The value of the well under the pointer, or of the one that the arrow keys move to.

for (const map of all(".plates svg")) {
  const [rows, columns] = [Number(map.dataset.rows), Number(map.dataset.columns)];
  const wells = map.dataset.wells;
  const said = find(".well", map.closest("figure"));
  const mark = find(".here", map);
  let at = [0, 0];

  const show = (row, column) => {
    at = [Math.min(rows - 1, Math.max(0, row)), Math.min(columns - 1, Math.max(0, column))];
    const code = wells.slice(3 * (at[0] * columns + at[1]), 3 * (at[0] * columns + at[1]) + 3);
    const value = { "..": "no well", "--": "no confidence" }[code.slice(0, 2)] ?? String(parseInt(code.slice(0, 2), 36) / 1000);
    const right = { r: ", right", w: ", wrong" }[code[2]] ?? "";
    const name = map.dataset.letters.split(" ")[at[0]] + (at[1] + 1);
    said.textContent = `${name}: ${value}${right}`;
    mark.setAttribute("x", at[1]);
    mark.setAttribute("y", at[0]);
    mark.removeAttribute("hidden");
  };
  const hide = () => {
    said.textContent = "";
    mark.setAttribute("hidden", "");
  };

  map.addEventListener("pointermove", (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    const within = place.x >= 0 && place.y >= 0 && place.x < columns && place.y < rows;
    if (within) show(Math.floor(place.y), Math.floor(place.x));
    else hide();
  });
  map.addEventListener("pointerleave", hide);
  map.addEventListener("focus", () => show(...at));
  map.addEventListener("blur", hide);
  map.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    show(at[0] + step[0], at[1] + step[1]);
    event.preventDefault();
  });
}
