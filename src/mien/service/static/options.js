// The visitor's options: smallest confidence, base rates, labels, decision rule, and a second model to compare with.

const by = (id) => document.getElementById(id);

/** No expression is named below this probability; applied by the page, without a new request. */
export const least = () => Number(by("least").value) / 100;

/** The options as parameters of a request. */
export function parameters(model) {
  const chosen = new URLSearchParams();
  if (by("balanced").checked) chosen.set("prior", "balanced");
  if (by("argmax").checked) chosen.set("decision", "argmax");
  if (by("convention").value) chosen.set("labels", by("convention").value);
  if (model) chosen.set("model", model);
  return chosen;
}

/** The model to compare with; empty for none. */
export const compared = () => by("compare").value;

/** `redraw` is called when the smallest confidence changes, `reread` when another option does. */
export function startOptions(redraw, reread) {
  by("least").addEventListener("input", () => {
    by("least-value").textContent = `${by("least").value}%`;
    redraw();
  });
  for (const id of ["balanced", "argmax", "convention", "compare"]) by(id).addEventListener("change", reread);
}

const WORDS = { perceived: "what people see", intended: "what was meant to be shown" };

/** Show the options that the model supports. */
export function offerOptions(model) {
  by("balanced").closest("label").hidden = !model.has_priors;
  by("argmax").closest("label").hidden = !model.has_decision;
  fill(by("convention"), model.conventions.map((name) => [name, WORDS[name] ?? name]), model.conventions.length < 2);
  fill(by("compare"), [["", "no other"], ...model.models.slice(1).map((name) => [name, name])], model.models.length < 2);
}

function fill(choice, options, hidden) {
  const before = choice.value;
  choice.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  if (options.some(([value]) => value === before)) choice.value = before;
  choice.closest("label").hidden = hidden;
}
