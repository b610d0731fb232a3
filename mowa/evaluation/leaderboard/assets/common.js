// What the scripts of all pages share: words, numbers, elements, and loading data from beside the page.
"use strict";

const board = window.mowa.board;
const words = board.words;

/** The text of `key` with its {fields} filled. */
function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** A number as this language writes it. */
function number(value, decimals = 0) {
  return new Intl.NumberFormat(board.lang, {
    minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    roundingMode: "halfEven", // as the pages were written
  }).format(value).replace("-", "−");
}

/** A value of a column's metric; "signed" puts a plus before a gain. */
function shown(column, value, signed = false) {
  const text = number(value * column.factor, column.decimals);
  return signed && value > 0 ? `+${text}` : text;
}

/** An element; children are elements or texts, never HTML. */
function make(name, attributes = {}, ...children) {
  const svg = ["svg", "line", "circle"].includes(name);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const asked = new Map();

/** The data of `key`, from a script beside the page: a page opened from disk may load no other way. */
function load(root, key) {
  if (!asked.has(key)) {
    asked.set(key, new Promise((resolve, reject) => {
      const tag = make("script", { src: `${root}data/${key}.js` });
      tag.onload = () => { resolve(window.mowa[key]); tag.remove(); };
      tag.onerror = () => { asked.delete(key); tag.remove(); reject(new Error(say("failed", { name: `${key}.js` }))); };
      document.head.append(tag);
    }));
  }
  return asked.get(key);
}

/** What pages call a group of items. */
function grouped(group) {
  return Object.hasOwn(board.groups, group) ? board.groups[group] : group;
}

/** What stands behind the # of the address. */
function fragment() {
  return new URLSearchParams(location.hash.slice(1));
}

/** Put it there, without a new entry in the history. */
function remember(values) {
  const kept = Object.entries(values).filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
}

/** Say something to those who see and to those who listen. */
function tell(text) {
  document.getElementById("told").textContent = text;
}
