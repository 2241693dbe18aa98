// How the pictures are shown: which channels, in which colours, outlined, at one scale.

const SAFE = ["#f0f", "#0f0", "#0ff", "#ff0", "#fff"]; // told apart by colour-blind people too
const switches = {
  "show-measured": (on) => root.classList.toggle("show-measured", on),
  "show-outline": (on) => root.classList.toggle("no-outline", !on),
  "same-scale": (on) => root.classList.toggle("same-scale", on),
};
const pictureInputs = all("#show-measured, #show-outline, #same-scale, .plane-switch, #palette");
const named = all(".swatch").map((_, k) => getComputedStyle(root).getPropertyValue(`--plane-${k}`));

function showPictures() {
  for (const input of pictureInputs) {
    if (input.id in switches) switches[input.id](input.checked);
    else if (input.matches(".plane-switch")) root.classList.toggle(`hide-${input.value}`, !input.checked);
    else {
      const colours = { named, safe: SAFE, gray: named.map(() => "#fff") }[input.value];
      named.forEach((_, k) => root.style.setProperty(`--plane-${k}`, colours[k % colours.length]));
    }
  }
}
// What differs from the page as it was written, for its address.
function picturesState() {
  return pictureInputs
    .map((input) => (input.type === "checkbox" ? input.checked !== input.defaultChecked && input.id : input.value !== "named" && input.value))
    .filter(Boolean)
    .join(",");
}
function restorePictures(state) {
  const changed = state.split(",");
  for (const input of pictureInputs) {
    if (input.type === "checkbox") input.checked = input.defaultChecked !== changed.includes(input.id);
    else input.value = [...input.options].map((option) => option.value).find((value) => changed.includes(value)) ?? "named";
  }
  showPictures();
}
pictureInputs.forEach((input) =>
  input.addEventListener("change", () => {
    showPictures();
    remember();
  }),
);
