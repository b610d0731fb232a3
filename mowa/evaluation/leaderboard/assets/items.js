// The item browser: what was asked, what each model answered, a few items at a time.
"use strict";

{
  const PAGE = 10;
  const MODELS = 4;
  const form = document.getElementById("choose");
  const out = document.getElementById("out");
  const pager = document.getElementById("pager");
  const { root } = out.dataset;
  const box = document.getElementById("models");
  let start = 0;
  let turn = 0; // of two answers to two clicks, the later click wins

  const chosen = () => new FormData(form).getAll("model");
  const column = () => board.columns.find((one) => one.slug === form.task.value);
  const named = (slug) => board.rows.find((row) => row.slug === slug).name;

  /** Offer the models that were asked, and choose the first three, or those that were wanted. */
  function offerModels(wanted) {
    const there = board.rows.filter((row) => row.asked.includes(form.task.value));
    const before = (wanted.length ? wanted : chosen()).filter((slug) => there.some((row) => row.slug === slug));
    const picked = new Set(before.length ? before.slice(0, MODELS) : there.slice(0, 3).map((row) => row.slug));
    box.replaceChildren(box.firstElementChild, ...there.map((row) => {
      const input = make("input", { type: "checkbox", name: "model", value: row.slug });
      input.checked = picked.has(row.slug);
      return make("label", { class: "check" }, input, ` ${row.name}`);
    }));
  }

  function offerGroups(index, wanted) {
    const groups = [...new Set(index.groups.filter((group) => group !== null))];
    form.group.replaceChildren(make("option", { value: "" }, say("all_groups")),
      ...groups.map((group) => make("option", { value: `=${group}` }, grouped(group))));
    form.group.value = groups.some((group) => `=${group}` === wanted) ? wanted : "";
    document.getElementById("group-label").hidden = groups.length === 0;
  }

  function fitting(index, models) {
    const values = models.map((slug) => index.values[slug] ?? []);
    const found = models.map((slug) => new Set(index.found[slug] ?? []));
    const tests = {
      all: () => true,
      differ: (i) => new Set(values.map((one) => one[i]).filter((one) => one != null)).size > 1,
      wrong: (i) => values.length > 0 && values.every((one) => one[i] != null && one[i] <= 0),
      found: (i) => found.some((one) => one.has(i)),
    };
    const group = form.group.value;
    return index.ids.map((_, i) => i)
      .filter((i) => tests[form.show.value](i) && (!group || `=${index.groups[i]}` === group));
  }

  function mark(value) {
    if (value == null) return null;
    if (column().lower) return make("span", { class: "mark" }, shown(column(), value));
    if (value >= 1) return make("span", { class: "mark good" }, `✓ ${say("right")}`);
    if (value <= 0) return make("span", { class: "mark bad" }, `✗ ${say("wrong")}`);
    return make("span", { class: "mark" }, say("partly", { value: shown(column(), value) }));
  }

  /** A long text scrolls in its own box, which the keyboard reaches. */
  function text(said, label) {
    return make("pre", {
      lang: column().language || null, tabindex: said.length > 400 ? 0 : null,
      role: said.length > 400 ? "group" : null, "aria-label": said.length > 400 ? label : null,
    }, said);
  }

  function isTarget(asked, place) {
    return asked.right == null ? asked.target === asked.choices[place] : asked.right === place;
  }

  function question(asked) {
    const parts = asked.prompt ? [make("h3", {}, say("prompt")), text(asked.prompt, say("prompt"))] : [];
    if (asked.choices.length) {
      parts.push(make("h3", {}, say("choices")), make("ol", { class: "choices", lang: column().language || null },
        ...asked.choices.map((choice, place) => make("li", {}, choice,
          isTarget(asked, place) ? make("span", { class: "mark good", lang: board.lang }, `✓ ${say("right_choice")}`) : null))));
    }
    if (asked.target && !asked.choices.some((_, place) => isTarget(asked, place))) {
      parts.push(make("h3", {}, say("target")), text(asked.target, say("target")));
    }
    if (asked.source) {
      const source = asked.source === "unverified" ? say("unverified") : `${say("source")}: ${asked.source}`;
      parts.push(make("p", { class: "soft" }, source));
    }
    return parts;
  }

  function answer(slug, said, value, found) {
    const parts = [make("h4", {}, named(slug), " ", mark(value))];
    if (!said) return make("div", { class: "answer" }, ...parts, make("p", { class: "soft" }, say("no_answer")));
    if (said.prompt) parts.push(make("p", { class: "soft" }, say("own_prompt")), text(said.prompt, say("own_prompt")));
    if (said.output) parts.push(text(said.output, `${say("said")}: ${named(slug)}`));
    else parts.push(make("p", { class: "soft" }, say("nothing")));
    const notes = [];
    if (said.logprobs) notes.push(`${say("logprobs")}: ${said.logprobs.map((one) => (one == null ? "–" : number(one, 2))).join("; ")}`);
    if (said.seconds != null) notes.push(say("seconds", { n: number(said.seconds, 2) }));
    if (said.cut) notes.push(say("cut", { n: said.cut }));
    if (said.finish === "length") notes.push(say("cut_off"));
    if (notes.length) parts.push(make("p", { class: "soft small" }, notes.join(" · ")));
    if (said.note) parts.push(make("p", { class: "soft small" }, `${say("note")}: ${said.note}`));
    if (found) {
      parts.push(make("p", {}, make("span", { class: "badge dirty" }, make("span", { "aria-hidden": "true" }, "◐"), ` ${say("found")}`)));
      for (const hit of said.hits ?? []) {
        parts.push(make("p", { class: "soft small" }, [hit.document, hit.kind, hit.text].filter(Boolean).join(" · ")));
      }
    }
    return make("div", { class: "answer" }, ...parts);
  }

  async function card(index, i, models) {
    const chunk = index.bounds.findLastIndex((bound) => bound <= i);
    const place = i - index.bounds[chunk];
    const task = form.task.value;
    const [prompts, ...outputs] = await Promise.all([
      load(root, `items/${task}/prompts-${chunk}`),
      ...models.map((slug) => load(root, `items/${task}/m-${slug}-${chunk}`)),
    ]);
    return make("article", { class: "item", "aria-labelledby": `item-${i}` },
      make("h2", { id: `item-${i}` }, index.ids[i], index.groups[i] ? make("span", { class: "sub" }, grouped(index.groups[i])) : null),
      ...question(prompts[place]),
      make("h3", {}, say("answers")),
      make("div", { class: "answers" }, ...models.map((slug, k) => answer(
        slug, outputs[k][place], index.values[slug]?.[i], (index.found[slug] ?? []).includes(i)))));
  }

  async function show({ move = false } = {}) {
    const mine = ++turn;
    const models = chosen();
    remember({ task: form.task.value, models: models.join(","), show: form.show.value, group: form.group.value, from: start || "" });
    tell(say("loading"));
    try {
      const index = await load(root, `items/${form.task.value}/index`);
      const places = fitting(index, models.filter((slug) => index.values[slug]));
      if (start >= places.length) start = 0;
      const page = places.slice(start, start + PAGE);
      const cards = await Promise.all(page.map((i) => card(index, i, models.filter((slug) => index.values[slug]))));
      if (mine !== turn) return;
      out.replaceChildren(...cards);
      pager.hidden = places.length <= PAGE;
      document.getElementById("previous").disabled = start === 0;
      document.getElementById("next").disabled = start + PAGE >= places.length;
      const counted = places.length
        ? say("page", { from: start + 1, to: start + page.length, n: places.length }) : say("none");
      const cut = index.all > index.ids.length ? ` ${say("cut_list", { n: index.ids.length, all: index.all })}` : "";
      tell(counted + cut);
      if (move) document.getElementById("told").scrollIntoView();
    } catch (error) {
      if (mine === turn) tell(error.message);
    }
  }

  async function task(wanted) {
    offerModels((wanted.get("models") ?? "").split(",").filter(Boolean));
    try {
      offerGroups(await load(root, `items/${form.task.value}/index`), wanted.get("group") ?? "");
    } catch (error) { tell(error.message); return; }
    show();
  }

  form.task.replaceChildren(...board.columns.filter((one) => one.items)
    .map((one) => make("option", { value: one.slug }, `${one.title} · ${one.variant}`)));
  document.getElementById("previous").addEventListener("click", () => { start = Math.max(0, start - PAGE); show({ move: true }); });
  document.getElementById("next").addEventListener("click", () => { start += PAGE; show({ move: true }); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    start = 0;
    if (event.target === form.task) { task(new URLSearchParams()); return; }
    if (event.target.name === "model" && chosen().length > MODELS) {
      event.target.checked = false;
      tell(say("too_many"));
      return;
    }
    show();
  });

  const wanted = fragment();
  if (board.columns.some((one) => one.items && one.slug === wanted.get("task"))) form.task.value = wanted.get("task");
  form.show.value = wanted.get("show") ?? "all";
  if (!form.show.value) form.show.value = "all";
  start = Math.max(0, Number.parseInt(wanted.get("from") ?? "0", 10) || 0);
  form.hidden = false;
  task(wanted);
}
