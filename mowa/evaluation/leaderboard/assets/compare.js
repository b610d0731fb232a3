// Two models side by side: the difference in each task, drawn with its interval.
"use strict";

{
  const form = document.getElementById("pair");
  const out = document.getElementById("out");
  const { root, home } = out.dataset;
  const names = new Map(board.rows.map((row) => [row.slug, row.name]));

  const at = (value, widest) => `${50 + (46 * value) / widest}%`;

  /** What A gains over B, whichever way is better: value and ends, in the unit that is shown. */
  function gain(column, found) {
    return found.slice(0, 3).map((one) => one * column.factor * (column.lower ? -1 : 1));
  }

  function drawn([value, low, high], widest) {
    const width = Math.max(widest, 1e-9);
    const line = (x1, x2, y1, y2, kind) => make("line", { class: kind, x1: at(x1, width), x2: at(x2, width), y1, y2 });
    return make("svg", { class: "track", "aria-hidden": "true", width: "100%", height: 22 },
      make("line", { class: "rail", x1: "1%", x2: "99%", y1: 11, y2: 11 }),
      line(0, 0, 0, 22, "base"),
      line(low, high, 11, 11, "whisker"), line(low, low, 6, 16, "whisker"), line(high, high, 6, 16, "whisker"),
      make("circle", { class: "dot", cx: at(value, width), cy: 11, r: 5 }));
  }

  /** A difference is decided where its interval lies on one side of zero and its test agrees. */
  function verdict(column, [value, low, high, p]) {
    if (p > 0.05 || low * high <= 0) return "undecided";
    return (value > 0) !== column.lower ? "better_a" : "better_b";
  }

  function line(column, mine, theirs, a, b, widest) {
    const found = mine[column.slug]?.to[b];
    const title = make("th", { scope: "row" },
      make("a", { href: `${home}tasks/${column.task}.html` }, column.title),
      make("span", { class: "sub" }, column.variant));
    const score = (said) => make("td", { class: "number" }, said ? shown(column, said[column.slug].score) : "–");
    const cells = [title, score(mine), score(theirs)];
    if (!found) {
      cells.push(make("td", { colspan: 3, class: "soft" }, say("no_difference")));
      return [make("tr", {}, ...cells), "none"];
    }
    const [value, low, high] = found;
    const ends = say("interval", { low: shown(column, low, true), high: shown(column, high, true) });
    const result = verdict(column, found);
    const says = make("td", {}, make("span", { class: `verdict ${result}` }, say(result)));
    if (column.items && out.dataset.items !== undefined) {
      says.append(make("br"), make("a", {
        href: `${home}items.html#task=${column.slug}&models=${a},${b}&show=differ`,
      }, say("differ"), make("span", { class: "unseen" }, `: ${column.title}, ${column.variant}`)));
    }
    cells.push(
      make("td", { class: "number" }, make("strong", {}, shown(column, value, true)), make("span", { class: "interval" }, ends)),
      make("td", { class: "drawn" }, drawn(gain(column, found), widest)),
      says);
    return [make("tr", {}, ...cells), result];
  }

  async function show() {
    const [a, b] = [form.a.value, form.b.value];
    remember({ a, b });
    if (a === b) { out.replaceChildren(); tell(say("same")); return; }
    tell(say("loading"));
    let mine, theirs;
    try {
      [mine, theirs] = await Promise.all([load(root, `compare/${a}`), load(root, `compare/${b}`)]);
    } catch (error) { tell(error.message); return; }
    if (a !== form.a.value || b !== form.b.value) return;
    const columns = board.columns.filter((column) => mine[column.slug] && theirs[column.slug]);
    // Tasks in one unit share a scale, so that their differences can be compared by eye.
    const widest = {};
    for (const column of columns) {
      const ends = mine[column.slug].to[b]?.slice(1, 3).map((end) => Math.abs(end * column.factor)) ?? [];
      widest[column.factor] = Math.max(widest[column.factor] ?? 0, ...ends);
    }
    const count = { better_a: 0, better_b: 0, undecided: 0, none: 0 };
    const rows = columns.map((column) => {
      const [row, result] = line(column, mine, theirs, a, b, widest[column.factor]);
      count[result] += 1;
      return row;
    });
    const head = (text, kind) => make("th", { scope: "col", class: kind }, text);
    const caption = say("caption", { a: names.get(a), b: names.get(b) });
    const table = make("table", { class: "wide" }, make("caption", { id: "pair-caption" }, caption),
      make("thead", {}, make("tr", {}, head(words.task), head("A", "number"), head("B", "number"),
        head(say("difference"), "number"), make("th", { scope: "col", class: "drawn" }, axis()), head(say("verdict")))),
      make("tbody", {}, ...rows));
    out.replaceChildren(rows.length
      ? make("div", { class: "scroll", role: "region", "aria-labelledby": "pair-caption", tabindex: 0 }, table)
      : make("p", {}, say("no_difference")));
    tell(say("sum", { a: count.better_a, b: count.better_b, none: count.undecided + count.none }));
  }

  function axis() {
    return make("span", { class: "ends" }, make("span", {}, `← ${say("better_b")}`), make("span", {}, `${say("better_a")} →`));
  }

  const wanted = fragment();
  form.a.value = wanted.get("a") ?? board.rows[0]?.slug;
  if (!form.a.value) form.a.selectedIndex = 0;
  form.b.value = wanted.get("b") ?? board.rows.find((row) => row.slug !== form.a.value)?.slug;
  if (!form.b.value) form.b.selectedIndex = 0;
  document.getElementById("swap").addEventListener("click", () => {
    [form.a.value, form.b.value] = [form.b.value, form.a.value];
    show();
  });
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
