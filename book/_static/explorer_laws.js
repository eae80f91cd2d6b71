/* Parts of the live explorer whose laws are dragged: the machine, and the prompt before the blank. */
"use strict";

var ExplorerLaws = (() => {
  const M = ExplorerMaths;
  const { el, math, panel, matrix, bars, choice } = ExplorerWidgets;

  // --- editing the machine ---

  /** Set an entry of a law in place; remembers the proportions that a full entry wipes out. */
  function editor() {
    const before = new WeakMap();
    return (laws, row, index, value) => {
      const law = laws[row];
      if (law.some((p, i) => i !== index && p > 0)) before.set(laws, { ...before.get(laws), [row]: law });
      laws[row] = M.setEntry(law, index, value, before.get(laws)?.[row] ?? law);
    };
  }

  function machinePanel(state, changed) {
    const edit = editor();
    const node = panel("The HMM: drag a bar, the rest of its row follows", "machine");
    let parts = [];

    function rebuild() {
      const { machine } = state;
      const names = machine.states;
      const laws = (title, object, rows, columns, tone, describe, rowTitle, columnTitle) => {
        const widget = matrix({
          caption: title,
          rows,
          columns,
          rowTitle,
          columnTitle,
          describe,
          tone,
          onInput: (i, j, value) => {
            edit(object(), i, j, value);
            changed("machine");
          },
        });
        return { node: widget.node, update: () => widget.update(object()) };
      };
      const moves = laws(
        ["transition ", math("P[H_{i+1} | H_i]")],
        () => machine.transition,
        names,
        names,
        "states",
        (from, to) => `transition from ${from} to ${to}`,
        "from",
        "to",
      );
      parts = [moves];
      if (machine.memory) parts.push(memoryEmissions(machine));
      else {
        parts.push(
          laws(
            ["emission ", math("P[X_i | H_i]")],
            () => machine.emission,
            names,
            machine.tokens,
            "tokens",
            (state_, token) => `emission of ${token} in state ${state_}`,
            "state",
            "token",
          ),
        );
        const start = [machine.initial];
        const initial = matrix({
          caption: ["initial ", math("π_0 = P[H_0]")],
          rows: ["∅"],
          columns: names,
          rowTitle: "",
          columnTitle: "state",
          tone: "states",
          describe: (_, name) => `initial probability of state ${name}`,
          onInput: (i, j, value) => {
            start[0] = machine.initial;
            edit(start, i, j, value);
            machine.initial = start[0];
            changed("machine");
          },
        });
        parts.push({ node: initial.node, update: () => initial.update([machine.initial]) });
      }
      node.replaceChildren(node.firstChild, el("div", { class: "ex-laws" }, ...parts.map((part) => part.node)));
    }

    /** Emissions of a memory machine: one kind of word at a time, a row for each value of the cell that is read. */
    function memoryEmissions(machine) {
      const { kinds } = machine.memory;
      // Rows of a table are some rows of the emissions.
      const tables = kinds.map((kind) => {
        const widget = matrix({
          caption: [`${kind.name} `, math("P[X_i | value, state]")],
          rows: kind.labels,
          columns: machine.tokens,
          rowTitle: "value",
          columnTitle: "word",
          tone: "tokens",
          describe: (value, token) => `${kind.name}, ${value}: emission of ${token}`,
          onInput: (i, j, value) => {
            edit(machine.emission, kind.columns[i], j, value);
            changed("machine");
          },
        });
        return {
          node: widget.node,
          update: () => widget.update(kind.columns.map((column) => machine.emission[column])),
        };
      });
      const show = (name) => tables.forEach((part, k) => (part.node.hidden = kinds[k].name !== name));
      show("noun");
      return {
        node: el(
          "div",
          { class: "ex-emissions" },
          choice("words to edit", Object.fromEntries(kinds.map((kind) => [kind.name, kind.name])), "noun", show),
          ...tables.map((part) => part.node),
        ),
        update: () => tables.forEach((part) => part.update()),
      };
    }

    return { node, rebuild, update: () => parts.forEach((part) => part.update()) };
  }

  // --- the prompt ---

  function promptPanel(state, changed) {
    const box = el("input", {
      type: "checkbox",
      role: "switch",
      autocomplete: "off",
      change: () => {
        state.prompted = box.checked;
        changed("machine");
      },
    });
    const body = el("div", { class: "ex-three" });
    const verdict = el("p", { class: "ex-note" });
    let lists = [];
    function rebuild() {
      const { machine } = state;
      const list = (title, tone, options) => {
        const widget = bars({ names: machine.states, tone, digits: 3, ...options });
        return { widget, node: el("div", {}, el("p", { class: "ex-subtitle" }, ...title), widget.node) };
      };
      lists = [
        list(["before: ", math("π_0")], "states", {
          label: "distribution of the state under the blank without a prompt",
        }),
        list(["prompt ", math("u")], "prompt", {
          label: "prompt vector u",
          describe: (name) => `prompt entry of state ${name}`,
          digits: 2,
          onInput: (i, value) => {
            machine.prompt[i] = value;
            changed("machine");
          },
        }),
        list(["after: ", math("ρ ∝ A(u ⊙ π_0)")], "prompt", {
          label: "distribution of the state under the blank after the prompt",
        }),
      ];
      body.replaceChildren(...lists.map((part) => part.node));
    }
    function update() {
      const { machine } = state;
      box.checked = state.prompted;
      lists[0].widget.update(machine.initial);
      lists[1].widget.update(machine.prompt);
      const prior = M.promptedPrior(machine, machine.prompt);
      lists[2].widget.update(prior ?? machine.initial.map(() => 0));
      const left = prior ? prior.flatMap((p, h) => (p > 0 ? [machine.states[h]] : [])) : [];
      verdict.textContent = `${state.prompted ? "Left" : "Switched on, it would leave"} under the blank: ${left.length ? `states ${left.join(", ")}` : "nothing"}. The scale of u does not matter.`;
    }
    const node = panel(
      "Soft prompt",
      "prompt",
      el(
        "label",
        { class: "ex-switch" },
        box,
        el("span", {}, "put ", math("u"), " before the blank: ", math("(u, ∅, x)")),
      ),
      body,
      verdict,
    );
    return { node, rebuild, update };
  }

  return { machinePanel, promptPanel };
})();
