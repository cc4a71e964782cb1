// What the page does by itself: the switch between light and dark, and the browsers of examples.
// Texts come in as text nodes only, never as markup. The fields read here are those of examples/gallery.py.
"use strict";

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function addThemeSwitch() {
  const root = document.documentElement;
  const button = make("button", "theme", "◐");
  button.type = "button";
  button.title = "Switch between light and dark";
  button.setAttribute("aria-label", button.title);
  button.addEventListener("click", () => {
    const isDark = getComputedStyle(root).colorScheme === "dark"
      || (getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.style.colorScheme = isDark ? "light" : "dark";
  });
  document.body.prepend(button);
}

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const [head, ...items] = (await new Response(stream).text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  return { ...head, items };
}

function addSelect(form, label, choices) {
  const select = make("select");
  for (const [value, text] of choices) select.append(new Option(text, value));
  const field = make("label", "", make("span", "", label), select);
  form.append(field);
  return select;
}

function inOrder(values) {
  return [...new Set(values)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

// Whether a completion passes the filters that ask about completions.
function passes(gallery, shown, wanted) {
  return (wanted.arm === "" || gallery.rows[shown.row].arm === wanted.arm)
    && (wanted.asked === "" || shown.asked === wanted.asked
      || (wanted.asked === "policy" && gallery.rows[shown.row].asked === "policy"))
    && (wanted.sample === "" || shown.sample === Number(wanted.sample))
    && (wanted.outcome === "" || shown.outcome === wanted.outcome || shown.versus === wanted.outcome);
}

function passesItem(gallery, item, wanted) {
  return (wanted.level === "" || String(item.level) === wanted.level)
    && (wanted.words === "" || [item.question, item.answer, ...item.shown.flatMap((one) => [one.text, one.visible])]
      .some((text) => text.toLowerCase().includes(wanted.words)))
    && item.shown.some((shown) => passes(gallery, shown, wanted));
}

// The thinking as it was written, or the pieces it started from with what was dropped and what is new.
function thinking(item, shown, withDropped) {
  const box = make("div", "cot");
  if (!withDropped || !shown.edits) {
    box.textContent = shown.text;
    return box;
  }
  let position = 0;
  for (const step of shown.edits) {
    if (typeof step === "string") {
      box.append(make("ins", "", step));
      continue;
    }
    const text = item.pieces.slice(position, position + Math.abs(step)).join("");
    position += Math.abs(step);
    box.append(step > 0 ? text : make("del", "", text));
  }
  return box;
}

function card(gallery, item, shown, withDropped, isHit) {
  const row = gallery.rows[shown.row];
  const isGood = shown.outcome === "correct" || shown.outcome === "answer kept";
  const head = make("header", "",
    make("strong", "", make("span", `swatch ${row.style}`), `${row.arm === shown.asked ? "" : row.arm + " "}${shown.asked}`),
    make("span", isGood ? "outcome" : "outcome bad", shown.outcome),
    make("span", "facts", gallery.samples.length > 1 ? `${shown.facts} · ${gallery.samples[shown.sample]}` : shown.facts));
  const parts = [head, thinking(item, shown, withDropped)];
  if (shown.visible) parts.push(make("div", "visible", shown.visible));
  return make("article", isHit ? "completion hit" : "completion", ...parts);
}

function question(gallery, item, wanted) {
  const isBase = (shown) => gallery.rows[shown.row].style === "base";
  const isShown = (shown) => (wanted.arm === "" && wanted.asked === "" ? true : passes(gallery, shown, { ...wanted, outcome: "" }))
    && (wanted.sample === "" || shown.sample === Number(wanted.sample));
  const bases = item.shown.filter(isBase);
  const others = item.shown.filter((shown) => !isBase(shown) && isShown(shown));
  const kept = bases.filter((shown) => wanted.sample === "" || shown.sample === Number(wanted.sample));
  const cards = [...(kept.length ? kept : bases.slice(0, 1)), ...others]
    .map((shown) => card(gallery, item, shown, wanted.view === "dropped", wanted.outcome !== "" && passes(gallery, shown, wanted)));
  return [
    make("p", "question", item.question),
    make("p", "byline", `Gold answer: ${item.answer || "not known"}${item.level === null ? "" : ` · level ${item.level}`}`),
    make("div", "completions", ...cards),
  ];
}

function describeOutcome(outcome) {
  return { lost: "wrong where base is right", won: "right where base is wrong" }[outcome] || outcome;
}

async function startBrowser(section) {
  const gallery = await unpack(document.getElementById(section.dataset.gallery).textContent);
  const all = gallery.items.flatMap((item) => item.shown);
  const form = section.querySelector("form");
  form.addEventListener("submit", (event) => event.preventDefault());
  const arms = inOrder(gallery.rows.map((row) => row.arm));
  const asked = inOrder(all.map((shown) => shown.asked));
  const outcomes = [...inOrder(all.map((shown) => shown.outcome)),
    ...["lost", "won"].filter((name) => all.some((shown) => shown.versus === name))];
  const levels = inOrder(gallery.items.filter((item) => item.level !== null).map((item) => String(item.level)));
  const any = ["", "any"];
  const fields = {
    arm: addSelect(form, "Arm", [["", "all"], ...arms.map((name) => [name, name])]),
    asked: addSelect(form, "Ratio", [any, ...(asked.some((name) => name.startsWith("policy →")) ? [["policy", "policy, any choice"]] : []),
      ...asked.map((name) => [name, name])]),
    outcome: addSelect(form, "Outcome", [any, ...outcomes.map((name) => [name, describeOutcome(name)])]),
    level: addSelect(form, "Difficulty", [any, ...levels.map((level) => [level, `level ${level}`])]),
    sample: addSelect(form, "Sample", [...gallery.samples.map((name, number) => [String(number), name]), ["", "all"]]),
    view: addSelect(form, "Thinking", [["dropped", "dropped shown"], ["written", "as written"]]),
  };
  fields.sample.parentElement.hidden = gallery.samples.length < 2;
  fields.level.parentElement.hidden = levels.length < 2;
  const search = make("input");
  search.type = "search";
  form.append(make("label", "", make("span", "", "Find"), search));

  const [previous, next] = section.querySelectorAll(".stepper button");
  const where = section.querySelector(".where");
  const stage = section.querySelector(".stage");
  let matching = gallery.items;
  let position = 0;

  function wanted() {
    const values = { words: search.value.trim().toLowerCase() };
    for (const [name, field] of Object.entries(fields)) values[name] = field.value;
    return values;
  }
  function show() {
    const item = matching[position];
    where.textContent = item ? `${position + 1} of ${matching.length}` : "none";
    previous.disabled = position === 0;
    next.disabled = position >= matching.length - 1;
    stage.replaceChildren(...(item ? question(gallery, item, wanted()) : [make("p", "note", "No question passes these filters.")]));
  }
  function filter() {
    const current = matching[position];
    matching = gallery.items.filter((item) => passesItem(gallery, item, wanted()));
    position = Math.max(0, matching.indexOf(current));
    show();
  }
  function step(by) {
    const to = position + by;
    if (to < 0 || to >= matching.length) return;
    position = to;
    show();
  }
  form.addEventListener("input", filter);
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  section.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  filter();
}

addThemeSwitch();
// Promises, for whoever waits until the examples are there.
window.browsers = [...document.querySelectorAll("section.browser")].map(startBrowser);
