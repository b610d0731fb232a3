// Shows one document at a time and sends what is said of it. Text of documents is only ever text.
"use strict";

const WORDS = {
  en: {
    page: "Labelling", untitled: "no title", characters: "characters", skip: "Skip", undo: "Undo",
    filter: "Type to find a class, Enter takes the first ( / )", hint: "Space scrolls",
    cut: "The text goes on: only its first part is shown.", done: "All done",
    thanks: "Every document of the sample has a label. You may close this page.",
    gone: "The server does not answer. What you said before is kept; start it again.",
    stale: "This document was answered in another window; here is the next.",
    undone: "Taken back: ", failed: "The label was not saved. Try again.",
  },
  pl: {
    page: "Etykietowanie", untitled: "bez tytułu", characters: "znaków", skip: "Pomiń", undo: "Cofnij",
    filter: "Wpisz, by znaleźć klasę; Enter wybiera pierwszą ( / )", hint: "Spacja przewija",
    cut: "Tekst jest dłuższy: pokazano tylko jego początek.", done: "Gotowe",
    thanks: "Każdy dokument próby ma etykietę. Możesz zamknąć tę stronę.",
    gone: "Serwer nie odpowiada. Wcześniejsze odpowiedzi są zapisane; uruchom go ponownie.",
    stale: "Na ten dokument odpowiedziano w innym oknie; oto następny.",
    undone: "Cofnięto: ", failed: "Etykiety nie zapisano. Spróbuj ponownie.",
  },
};
const FEW = 5; // classes that fit side by side
const KEYS = 9; // classes with a digit of their own
const asked = new URLSearchParams(location.search).get("lang");
const lang = asked in WORDS ? asked : "en";
const say = WORDS[lang];
const at = (id) => document.getElementById(id);
let state = null;
let busy = false;

async function ask(what, body) {
  if (busy) return;
  busy = true;
  try {
    const options = body === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    };
    let answer = await fetch(what, options);
    let message = "";
    if (!answer.ok) {
      message = answer.status === 409 ? say.stale : say.failed;
      answer = await fetch("state");
    }
    state = await answer.json();
    if (state.undone) message = say.undone + state.undone;
    show(message);
  } catch {
    at("message").textContent = say.gone;
  } finally {
    busy = false;
  }
}

function show(message) {
  const shown = state.document;
  at("corpus").textContent = state.corpus;
  at("annotator").textContent = state.annotator;
  at("bar").max = Math.max(state.total, 1);
  at("bar").value = state.done;
  at("count").textContent = `${state.done.toLocaleString(lang)} / ${state.total.toLocaleString(lang)}`;
  at("message").textContent = message;
  at("undo").disabled = !state.can_undo;
  at("skip").disabled = !shown;
  at("document").hidden = !shown;
  at("finished").hidden = Boolean(shown);
  if (shown) {
    at("title").textContent = shown.title || say.untitled;
    at("title").classList.toggle("untitled", !shown.title);
    at("about").textContent = [
      shown.source, shown.host, shown.author, shown.date,
      `${shown.characters.toLocaleString(lang)} ${say.characters}`,
    ].filter(Boolean).join(" · ");
    at("text").textContent = shown.text;
    at("cut").hidden = !shown.cut;
    document.querySelector("main").scrollTop = 0;
  }
  at("filter").value = "";
  list();
}

function folded(text) {
  return text.toLowerCase().replaceAll("ł", "l").normalize("NFD").replace(/\p{M}/gu, "");
}

function found() {
  const words = folded(at("filter").value).split(/\s+/);
  return state.classes.filter((name) => words.every((word) => folded(name).includes(word)));
}

function list() {
  const buttons = found().map((name, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.disabled = !state.document;
    if (index < KEYS) button.append(key(String(index + 1)));
    button.append(name);
    button.addEventListener("click", () => choose(name));
    return button;
  });
  at("classes").replaceChildren(...buttons);
  at("classes").classList.toggle("few", state.classes.length <= FEW);
  at("filter").hidden = state.classes.length <= KEYS;
}

function key(name) {
  const made = document.createElement("kbd");
  made.textContent = name;
  return made;
}

function choose(name) {
  at("filter").blur();
  if (state.document) ask("label", { doc_id: state.document.doc_id, label: name });
}

function skip() {
  if (state.document) ask("skip", { doc_id: state.document.doc_id });
}

function undo() {
  if (state.can_undo) ask("undo", {});
}

function pressed(event) {
  if (!state || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const typing = document.activeElement === at("filter");
  if (typing && event.key === "Enter" && at("filter").value) choose(found()[0] ?? "");
  else if (typing && event.key === "Escape") { at("filter").value = ""; list(); at("filter").blur(); }
  else if (typing) return;
  else if (/^[1-9]$/.test(event.key) && found()[event.key - 1]) choose(found()[event.key - 1]);
  else if (event.key === "s") skip();
  else if (event.key === "u" || event.key === "Backspace") undo();
  else if (event.key === "/" && !at("filter").hidden) at("filter").focus();
  else if (event.key === " " && document.activeElement.tagName !== "BUTTON") {
    document.querySelector("main").scrollBy({ top: innerHeight * 0.5 * (event.shiftKey ? -1 : 1) });
  } else return;
  event.preventDefault();
}

document.documentElement.lang = lang;
document.title = `${say.page} · Mowa`;
document.querySelector(`nav a[lang=${lang}]`).setAttribute("aria-current", "true");
at("undo").append(key("U"), say.undo);
at("skip").append(key("S"), say.skip);
at("hint").textContent = say.hint;
at("cut").textContent = say.cut;
at("filter").placeholder = say.filter;
at("filter").setAttribute("aria-label", say.filter);
at("finished").querySelector("h1").textContent = say.done;
at("finished").querySelector("p").textContent = say.thanks;
at("filter").addEventListener("input", list);
at("undo").addEventListener("click", undo);
at("skip").addEventListener("click", skip);
document.addEventListener("keydown", pressed);
ask("state");
