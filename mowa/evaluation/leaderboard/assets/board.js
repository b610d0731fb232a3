// Sorting and filtering of the table on the front page.
"use strict";

{
  const table = document.getElementById("board");
  const form = document.getElementById("filters");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  const collator = new Intl.Collator(board.lang, { numeric: true, sensitivity: "base" });

  function compare(a, b, index, direction) {
    const [x, y] = [a.cells[index].dataset.v ?? "", b.cells[index].dataset.v ?? ""];
    if (x === "" || y === "") return (x === "") - (y === ""); // what has no value stays at the end
    const order = index === 1 ? collator.compare(x, y) : Number(x) - Number(y);
    return direction === "ascending" ? order : -order;
  }

  function sort(index) {
    const head = heads[index];
    const first = head.dataset.sort === "up" ? "ascending" : "descending";
    const other = first === "ascending" ? "descending" : "ascending";
    const direction = head.getAttribute("aria-sort") === first ? other : first;
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", direction);
    rows.sort((a, b) => compare(a, b, index, direction));
    body.append(...rows);
    const name = head.querySelector(".head").textContent.trim();
    tell(say(direction === "ascending" ? "sorted_up" : "sorted_down", { name }));
  }

  heads.forEach((head, index) => {
    const title = head.querySelector(".head");
    const sub = head.querySelector(".sub")?.textContent.trim();
    const name = say("sort", { name: [title.textContent.trim(), sub].filter(Boolean).join(", ") });
    const arrow = make("span", { class: "arrow", "aria-hidden": "true" });
    const button = make("button", { type: "button", class: "sort", "aria-label": name, title: name }, arrow);
    button.addEventListener("click", () => sort(index));
    title.after(button);
  });

  function filter() {
    const wanted = new FormData(form);
    const columns = new Set(wanted.getAll("column"));
    for (const cell of table.querySelectorAll("[data-column]")) cell.hidden = !columns.has(cell.dataset.column);
    const name = wanted.get("name").trim().toLocaleLowerCase(board.lang);
    let count = 0;
    for (const row of rows) {
      const { dataset } = row;
      const fits = dataset.name.toLocaleLowerCase(board.lang).includes(name)
        && (form.size.selectedIndex === 0 || dataset.size === wanted.get("size"))
        && (form.licence.selectedIndex === 0 || dataset.licence === wanted.get("licence"))
        && (form.kind.selectedIndex === 0 || dataset.kind === wanted.get("kind"))
        && (!wanted.has("whole") || row.cells[2].dataset.v !== "");
      row.hidden = !fits;
      count += fits;
    }
    const category = new Intl.PluralRules(board.lang).select(rows.length);
    tell(say("shown", { n: count, all: rows.length, category }));
  }

  document.getElementById("drawer").hidden = false;
  document.getElementById("drawer").open = window.matchMedia("(min-width: 40rem)").matches;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  filter();
}
