/* The live piece "by hand": turns each <div class="explorer" data-by-hand> into a small HMM in fractions.
 *
 * Every change goes one way: it edits `state`, then `render` computes all numbers with ExplorerFractions and prints
 * them. explorer_widgets.js and explorer_fractions.js come first.
 */
"use strict";

(() => {
  const F = ExplorerFractions;
  const { el, math, panel, matrix, choice, frame, onPage } = ExplorerWidgets;
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const LENGTHS = { 3: "3 positions", 4: "4 positions" };

  /** The numbers of a text: name of the table, what it is, how an entry is written. */
  const TABLES = [
    ["alpha", "before: ", "α_i(h) = P[H_i=h, x_0 … x_{i−1}]", (i, h) => `α_{${i}}(${h})`],
    ["beta", "after: ", "β_i(h) = P[x_{i+1} … | H_i=h]", (i, h) => `β_{${i}}(${h})`],
    ["joint", "together: ", "P[x] = Σ_h α_i(h) W[x_i,h] β_i(h)", () => "P[x]"],
    ["smoothed", "posterior: ", "P[H_i=h | x]", (i, h) => `P[H_${i}=${h} | x]`],
    ["leaveOneOut", "without its token: ", "P[H_i=h | x_{−i}]", (i, h) => `P[H_${i}=${h} | x_{−${i}}]`],
    ["conditionals", "the model shows: ", "G_i(x)", (i, z) => `G_${i}(x)[${z}]`],
  ];

  /** A fraction as one number above the other; as text, and for a screen reader, it is “3/4”. */
  function printed(value) {
    if (value === null) return el("span", { text: "–" });
    if (value.bottom === 1n) return el("span", { text: String(value.top) });
    return el(
      "span",
      { class: "ex-frac" },
      el("span", { text: String(value.top) }),
      el("span", { class: "ex-over", text: "/" }),
      el("span", { text: String(value.bottom) }),
    );
  }

  function build(root) {
    const settings = JSON.parse(root.dataset.byHand);
    const state = { machine: null, text: [], length: 4, decimals: false, chosen: ["alpha", 1, 0] };
    const shown = () => state.text.slice(0, state.length);
    let cells = []; // {table, i, index, node}, by rows
    let laws = [];

    const scroll = el("div", { class: "ex-scroll" });
    const message = el("p", { class: "ex-message", role: "alert" });
    const sum = el("div", { class: "ex-sum", "aria-live": "polite" });
    const machinePanel = panel("The HMM, in tenths: drag a bar, the rest of its row follows", "machine");
    const lengths = choice("length of the text", LENGTHS, "4", (value) => ((state.length = Number(value)), rebuild()));
    const ways = { fractions: "fractions", decimals: "decimals" };
    const kinds = choice("how numbers are printed", ways, "fractions", (value) => {
      state.decimals = value === "decimals";
      render();
    });

    // --- the table ---

    function positionHead(token, i) {
      const { machine } = state;
      const blank = token === F.BLANK;
      const name = blank ? "∅" : machine.tokens[token];
      const change = (value) => {
        state.text[i] = value;
        rebuild();
        scroll.querySelectorAll("th .ex-token")[i].focus();
      };
      const mask = el("button", {
        type: "button",
        class: "ex-mask",
        "aria-pressed": String(blank),
        "aria-label": `mask position ${i}`,
        text: "mask",
        click: () => {
          state.text[i] = blank ? state.unmasked[i] : F.BLANK;
          if (!blank) state.unmasked[i] = token;
          rebuild();
          scroll.querySelectorAll("th .ex-mask")[i].focus();
        },
      });
      return el(
        "th",
        { scope: "col" },
        el("button", {
          type: "button",
          class: "ex-token",
          "aria-label": `position ${i}: ${blank ? "masked" : name}; change`,
          text: name,
          click: () => change((blank ? state.unmasked[i] : token + 1) % machine.tokens.length),
        }),
        mask,
        el("span", { class: "ex-index" }, math(`x_${i}`)),
      );
    }

    function rebuild() {
      const { machine } = state;
      const text = shown();
      const names = { conditionals: machine.tokens, joint: ["sum"] };
      cells = [];
      const bodies = TABLES.map(([table, title, formula, entry]) => {
        const lines = (names[table] ?? machine.states).map((name, index) => {
          const line = text.map((_, i) => {
            const node = el("button", {
              type: "button",
              class: "ex-entry",
              mouseenter: () => choose([table, i, index]),
              focus: () => choose([table, i, index]),
              keydown: (event) => move(event, table, i, index),
            });
            cells.push({ table, i, index, node, label: entry(i, name) });
            return el("td", {}, node);
          });
          const head = { alpha: "state ", beta: "state ", smoothed: "state ", leaveOneOut: "state " }[table] ?? "";
          return el("tr", {}, el("th", { scope: "row", text: head + name }), ...line);
        });
        const span = { class: "ex-group", colspan: text.length + 1, scope: "rowgroup" };
        const heading = el("th", span, el("span", {}, title, math(formula)));
        return el("tbody", { class: `ex-of-${table}` }, el("tr", {}, heading), ...lines);
      });
      scroll.replaceChildren(
        el(
          "table",
          { class: "ex-hand" },
          el("thead", {}, el("tr", {}, el("td", {}), ...text.map(positionHead))),
          ...bodies,
        ),
      );
      if (state.chosen[1] >= text.length) state.chosen = ["alpha", 1, 0];
      render();
    }

    /** Arrow keys go from number to number. */
    function move(event, table, i, index) {
      const width = state.length;
      const at = cells.findIndex((cell) => cell.table === table && cell.i === i && cell.index === index);
      const steps = { ArrowLeft: i > 0 ? -1 : 0, ArrowRight: i < width - 1 ? 1 : 0, ArrowUp: -width, ArrowDown: width };
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      cells[at + step]?.node.focus();
    }

    // --- the numbers ---

    const is = ([table, i, index]) => (cell) => cell.table === table && cell.i === i && cell.index === index;

    function choose(chosen) {
      state.chosen = chosen;
      mark();
    }

    function render() {
      const { machine } = state;
      state.numbers = F.compute(machine, shown());
      for (const { table, i, index, node, label } of cells) {
        const { value } = state.numbers[table][i][index];
        node.replaceChildren(state.decimals && value ? F.decimal(value) : printed(value));
        const said = value === null ? "undefined" : node.textContent;
        node.setAttribute("aria-label", `${label.replace(/[_{}]/g, "")} = ${said}`);
      }
      const impossible = state.numbers.joint[0][0].value.top === 0n;
      message.textContent = impossible ? "This HMM cannot write this text: its probability is zero." : "";
      laws.forEach((law) => law());
      mark();
    }

    /** Show how the chosen number is computed, and mark it and what it is computed from. */
    function mark() {
      const cell = cells.find(is(state.chosen));
      const { value, steps, uses } = state.numbers[cell.table][cell.i][cell.index];
      for (const other of cells) {
        const chosen = other === cell;
        other.node.classList.toggle("ex-chosen", chosen);
        other.node.classList.toggle("ex-used", uses.some((use) => is(use)(other)));
        other.node.tabIndex = chosen ? 0 : -1;
      }
      const written = (part) => (typeof part === "string" ? math(part) : printed(part));
      const lines = value === null ? [["undefined: what it would be divided by is zero"]] : [...steps, [value]];
      // A step that only repeats the result says nothing.
      const kept = lines.filter((line, k) => k === 0 || textOf(line) !== textOf(lines[k - 1]));
      sum.replaceChildren(
        el("p", { class: "ex-result" }, math(cell.label)),
        el("div", {}, ...kept.map((line) => el("p", {}, "= ", ...line.map(written)))),
      );
      if (value !== null && value.bottom !== 1n) sum.lastChild.lastChild.append(` ≈ ${F.decimal(value)}`);
    }
    const textOf = (line) => line.map((part) => (typeof part === "string" ? part : printed(part).textContent)).join("");

    // --- the parameters ---

    function rebuildLaws() {
      const { machine } = state;
      laws = [];
      /** One table of laws; `table` is their rows, which are changed in place. */
      const widget = (table, options) => {
        const onInput = (i, j, value) => {
          table[i].splice(0, table[i].length, ...F.setTenths(table[i], j, 10 * value));
          render();
        };
        const { node, update } = matrix({ ...options, step: 0.1, digits: 1, onInput });
        laws.push(() => update(table.map((row) => row.map((p) => p / 10))));
        return node;
      };
      const { states, tokens } = machine;
      const nodes = [
        widget([machine.initial], {
          caption: ["initial ", math("π_0(h)")],
          rows: ["∅"],
          columns: states,
          rowTitle: "",
          columnTitle: "state",
          tone: "states",
          describe: (_, h) => `initial probability of state ${h}`,
        }),
        widget(machine.transition, {
          caption: ["transition ", math("A[h',h]")],
          rows: states,
          columns: states,
          rowTitle: "from h",
          columnTitle: "to h'",
          tone: "states",
          describe: (g, h) => `transition from ${g} to ${h}`,
        }),
        widget(machine.emission, {
          caption: ["emission ", math("W[x,h]")],
          rows: states,
          columns: tokens,
          rowTitle: "state h",
          columnTitle: "token x",
          tone: "tokens",
          describe: (h, x) => `emission of ${x} in state ${h}`,
        }),
      ];
      machinePanel.replaceChildren(machinePanel.firstChild, el("div", { class: "ex-laws" }, ...nodes));
    }

    function start(index) {
      const machine = copy(settings.machines[index]);
      const unmasked = machine.text.map((token) => Math.max(0, token));
      Object.assign(state, { machine, text: machine.text, unmasked, chosen: ["alpha", 1, 0] });
      rebuildLaws();
      rebuild();
    }

    const numbers = panel(
      "Text and numbers: click a token to change it; point at a number to see how it is computed",
      "numbers",
      el("div", { class: "ex-line" }, lengths, kinds),
      scroll,
      message,
      sum,
    );
    frame(root, settings, [numbers, machinePanel], start);
    root.explorer = state; // for the curious, and for tests
    start(0);
  }

  onPage("by-hand", build);
})();
