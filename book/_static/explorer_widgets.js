/* What the live explorer is drawn with: sliders that look like bars, tables of shades, a line with two markers.
 *
 * Every widget has a `node` and an `update`; none knows any mathematics. All that can be dragged is an
 * <input type="range">, so that it has a role, a name, and obeys the arrow keys.
 */
"use strict";

var ExplorerWidgets = (() => {
  let counter = 0;

  /** A new element; attributes that are functions are listeners, `text` is its text. */
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(name, value);
      else if (name === "text") node.textContent = value;
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  const newId = (stem) => `ex-${stem}-${++counter}`;

  /** A formula in plain text: what follows _ (a letter, or {…}) is a subscript. */
  function math(text) {
    const node = el("span", { class: "ex-math" });
    for (const part of text.split(/(_\{[^}]*\}|_.)/)) {
      if (part.startsWith("_")) node.append(el("sub", { text: part.replace(/^_\{?|\}$/g, "") }));
      else node.append(part);
    }
    return node;
  }

  const minus = (text) => text.replace("-", "−");
  const signed = (value, digits = 4) => {
    if (!Number.isFinite(value)) return "–";
    const text = Math.abs(value).toFixed(digits);
    return (Number(text) === 0 ? "" : value < 0 ? "−" : "+") + text;
  };
  const plain = (value, digits = 4) => minus(value.toFixed(digits));

  /** A part of the explorer with a heading. */
  function panel(title, name, ...children) {
    const id = newId(name);
    const heading = el("p", { class: "ex-title", id }, ...(Array.isArray(title) ? title : [title]));
    return el("div", { class: `ex-panel ex-${name}`, role: "group", "aria-labelledby": id }, heading, ...children);
  }

  /** Shade a range or a bar between two shares of its length. */
  function shade(node, from, to) {
    node.style.setProperty("--from", `${100 * Math.min(from, to)}%`);
    node.style.setProperty("--to", `${100 * Math.max(from, to)}%`);
  }

  function range(name, { min = 0, max = 1, step = 0.01, digits = 2, onInput }) {
    const input = el("input", {
      type: "range",
      min,
      max,
      step,
      class: "ex-range",
      "aria-label": name,
      autocomplete: "off",
      input: () => onInput(Number(input.value)),
    });
    input.show = (value) => {
      input.value = value;
      input.setAttribute("aria-valuetext", min < 0 ? signed(value, digits) : plain(value, digits));
      shade(input, (0 - min) / (max - min), (value - min) / (max - min));
    };
    return input;
  }

  /** A table of laws, one a row, each entry a slider. */
  function matrix({ caption, rows, columns, rowTitle, columnTitle, describe, tone, onInput, step = 0.01, digits = 2 }) {
    const inputs = [];
    const numbers = [];
    const body = rows.map((row, i) => {
      inputs.push([]);
      numbers.push([]);
      const cells = columns.map((column, j) => {
        const input = range(describe(row, column), { step, digits, onInput: (value) => onInput(i, j, value) });
        const number = el("span", { class: "ex-number", "aria-hidden": "true" });
        inputs[i].push(input);
        numbers[i].push(number);
        return el("td", {}, el("span", { class: "ex-cell" }, input, number));
      });
      return el("tr", {}, el("th", { scope: "row", text: row }), ...cells);
    });
    const head = el(
      "tr",
      {},
      el("td", { class: "ex-corner" }, el("span", { text: rowTitle }), el("span", { text: columnTitle })),
      ...columns.map((column) => el("th", { scope: "col", text: column })),
    );
    const node = el(
      "div",
      { class: "ex-scroll" },
      el(
        "table",
        { class: `ex-matrix ex-${tone}` },
        el("caption", {}, ...caption),
        el("thead", {}, head),
        el("tbody", {}, ...body),
      ),
    );
    const update = (laws) =>
      laws.forEach((law, i) =>
        law.forEach((p, j) => {
          inputs[i][j].show(p);
          numbers[i][j].textContent = p.toFixed(digits);
        }),
      );
    return { node, update };
  }

  /** Bars with a name and a number; sliders where `onInput` is given. */
  function bars({ names, label, tone, min = 0, max = 1, step = 0.01, digits = 4, describe, onInput }) {
    const show = min < 0 ? signed : plain;
    const rows = names.map((name, i) => {
      const bar = onInput
        ? range(describe(name), { min, max, step, digits, onInput: (value) => onInput(i, value) })
        : el("span", { class: "ex-bar", "aria-hidden": "true" });
      const number = el("span", { class: "ex-value", "aria-hidden": onInput ? "true" : null });
      const node = el(
        onInput ? "div" : "li",
        { class: "ex-row" },
        el("span", { class: "ex-name", text: name }),
        bar,
        number,
      );
      return { node, bar, number };
    });
    const node = el(
      onInput ? "div" : "ul",
      { class: `ex-bars ex-${tone}`, role: onInput ? "group" : "list", "aria-label": label },
      ...rows.map((row) => row.node),
    );
    node.style.setProperty("--names", `${Math.max(2, ...names.map((name) => name.length))}ch`);
    const update = (values, scale = max) =>
      values.forEach((value, i) => {
        const { bar, number } = rows[i];
        if (onInput) bar.show(value);
        else {
          const low = min < 0 ? -scale : 0;
          shade(bar, (0 - low) / (scale - low), (value - low) / (scale - low));
        }
        number.textContent = show(value, digits);
      });
    return { node, update };
  }

  /** How a probability is printed in a shaded cell: in percent, nothing for zero, a dot for nearly nothing. */
  const percent = (p) => (p === 0 ? "" : p < 0.005 ? "·" : String(Math.round(100 * p)));

  /** A table over the positions of a text: groups of rows, shaded by their values in [0, 1]. */
  function heatMap({ label, onSelect }) {
    const node = el("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": label });
    let cells = [];
    let heads = [];

    function rebuild(positions, groups) {
      cells = [];
      heads = positions.map((position, t) =>
        el(
          "th",
          { scope: "col", title: position.title, click: () => onSelect(t) },
          el("span", { class: position.label.length > 2 ? "ex-word" : "", text: position.label }),
        ),
      );
      const bodies = groups.map((group) => {
        const mine = [];
        const lines = group.names.map((name) => {
          const line = positions.map((_, t) => el("td", { click: () => onSelect(t) }));
          mine.push(line);
          return el("tr", {}, el("th", { scope: "row", text: name }), ...line);
        });
        cells.push(mine);
        const title = el(
          "th",
          { class: "ex-group", colspan: positions.length + 1, scope: "rowgroup" },
          el("span", {}, ...group.title),
        );
        return el("tbody", { class: `ex-${group.tone}` }, el("tr", {}, title), ...lines);
      });
      const long = positions.some((position) => position.label.length > 2);
      const short = positions.length <= 14;
      node.replaceChildren(
        el(
          "table",
          { class: `ex-heat${long ? " ex-words" : ""}${short ? " ex-short" : ""}` },
          el("thead", {}, el("tr", {}, el("td", {}), ...heads)),
          ...bodies,
        ),
      );
    }

    /** Values of one group, [position][row]; null leaves a cell empty. `ring` is the row to mark at a position. */
    function update(group, values, { ring = () => -1, print = percent, strength = (p) => p } = {}) {
      cells[group].forEach((line, row) =>
        line.forEach((cell, t) => {
          const value = values[t] === null ? null : values[t][row];
          const p = value === null ? 0 : Math.min(1, Math.max(0, strength(value)));
          const text = value === null ? "" : print(value);
          if (cell.textContent !== text) cell.textContent = text;
          cell.style.setProperty("--p", p.toFixed(3));
          cell.classList.toggle("ex-ring", ring(t) === row);
        }),
      );
    }

    function select(chosen, starred = []) {
      heads.forEach((head, t) => {
        head.classList.toggle("ex-chosen", t === chosen);
        head.classList.toggle("ex-starred", Boolean(starred[t]));
      });
      cells.flat().forEach((line) => line.forEach((cell, t) => cell.classList.toggle("ex-chosen", t === chosen)));
    }

    return { node, rebuild, update, select };
  }

  /** A line with zero in its middle, label 0 to the left and label 1 to the right. */
  function gauge(names) {
    const marker = (kind) => el("span", { class: `ex-marker ex-marker-${kind}` });
    const markers = Object.fromEntries(
      names.flatMap((name) => [
        [`${name}-pin`, marker(`${name} ex-pin`)],
        [name, marker(name)],
      ]),
    );
    const node = el(
      "div",
      { class: "ex-gauge", "aria-hidden": "true" },
      el("span", { class: "ex-side", text: "label 0" }),
      el("span", { class: "ex-zero" }),
      el("span", { class: "ex-side ex-right", text: "label 1" }),
      ...Object.values(markers),
    );
    const update = (values, scale) => {
      for (const [name, mark] of Object.entries(markers)) {
        const value = values[name];
        mark.hidden = !Number.isFinite(value);
        mark.style.setProperty("left", `${50 + 50 * Math.max(-1, Math.min(1, value / scale))}%`);
      }
    };
    return { node, update };
  }

  /** One of several: radio buttons side by side. */
  function choice(label, options, chosen, onChange) {
    const name = newId("choice");
    const items = Object.entries(options).map(([value, text]) =>
      el(
        "label",
        {},
        el("input", {
          type: "radio",
          name,
          value,
          checked: value === chosen,
          autocomplete: "off",
          change: () => onChange(value),
        }),
        el("span", { text }),
      ),
    );
    return el("div", { class: "ex-choice", role: "radiogroup", "aria-label": label }, ...items);
  }

  /** Make the element of a live piece: heading, choice of machine, reset button, and below them its parts.
   *
   * `start` is called with the index of the machine to begin with, again and again.
   */
  function frame(root, { title, machines }, parts, start) {
    const select = el(
      "select",
      { "aria-label": "HMM", autocomplete: "off", change: () => start(select.selectedIndex) },
      ...machines.map((machine) => el("option", { text: machine.title })),
    );
    const again = () => start(Math.max(0, select.selectedIndex));
    const reset = el("button", { type: "button", text: "reset", click: again });
    const chooser = machines.length > 1 ? select : el("span", { class: "ex-which", text: machines[0].title });
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", title);
    root.replaceChildren(
      el(
        "div",
        { class: "ex-header" },
        el("p", { class: "ex-heading", text: title }),
        el("span", { class: "ex-line" }, chooser, reset),
      ),
      ...parts,
    );
    root.classList.add("ex-live");
  }

  /** Build each live piece of a kind, once the page is there. */
  function onPage(kind, build) {
    const buildAll = () => document.querySelectorAll(`.explorer[data-${kind}]`).forEach(build);
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", buildAll);
    else buildAll();
  }

  return { el, newId, math, signed, plain, panel, shade, matrix, bars, heatMap, gauge, choice, frame, onPage };
})();
