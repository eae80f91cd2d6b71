/* Parts of the live explorer that are about a label: task, head, memory, and the line with the decision. */
"use strict";

var ExplorerDecisions = (() => {
  const { el, math, signed, plain, panel, bars, gauge, choice } = ExplorerWidgets;

  const UNDECIDED = 1e-9; // a margin nearer to zero is decided by rounding

  // --- head, task and decision ---

  function taskBars(state, names, describe, changed) {
    return bars({
      names,
      label: "weights μ of the task",
      tone: "states",
      min: -2,
      max: 2,
      step: 0.05,
      digits: 2,
      describe,
      onInput: (i, value) => {
        state.machine.mu[i] = value;
        changed("machine");
      },
    });
  }

  function headPanel(state, changed) {
    const lists = el("div", { class: "ex-three" });
    const verdict = el("p", { class: "ex-note", role: "status" });
    const modes = choice(
      "weights of the head",
      { rebuilt: "b rebuilt for each HMM", kept: "keep this b" },
      "rebuilt",
      (mode) => {
        state.kept = mode === "kept" ? (state.reading?.weights ?? null) : null;
        changed("machine");
      },
    );
    let parts = [];
    function rebuild() {
      const { machine } = state;
      const boxed = (title, widget) => ({
        widget,
        node: el("div", {}, el("p", { class: "ex-subtitle" }, ...title), widget.node),
      });
      parts = [
        boxed(
          ["task ", math("μ")],
          taskBars(state, machine.states, (name) => `task weight of state ${name}`, changed),
        ),
        boxed(
          ["seen at the blank ", math("G_∅")],
          bars({ names: machine.tokens, label: "token distribution at the blank", tone: "tokens" }),
        ),
        boxed(
          ["head ", math("b")],
          bars({ names: machine.tokens, label: "weights b of the head", tone: "head", min: -1, digits: 3 }),
        ),
      ];
      lists.replaceChildren(...parts.map((part) => part.node));
    }
    function update(reading) {
      parts[0].widget.update(state.machine.mu);
      parts[1].widget.update(reading.shown.conditionals[0]);
      modes
        .querySelectorAll("input")
        .forEach((input) => (input.checked = (input.value === "kept") === Boolean(state.kept)));
      parts[2].widget.update(reading.weights, Math.max(1, ...reading.weights.map(Math.abs)));
      const text = headSentence(state, reading);
      if (verdict.textContent !== text) verdict.textContent = text;
    }
    return { node: panel("Task and head", "head", modes, lists, verdict), rebuild, update };
  }

  function headSentence(state, { head }) {
    const { states } = state.machine;
    if (state.kept) return "b is kept as it was, whatever you change now.";
    if (head.lost >= 0) return `State ${states[head.lost]}, which μ weighs, cannot follow this prompt: no b will do.`;
    if (!head.exact) {
      return `No b solves ${state.prompted ? "Wᵀb = μ ⊙ π₀/ρ on the states left" : "Wᵀb = μ"}: ${head.kept.length} states are in play, and only ${head.rank} of their columns of W are independent. This b comes as near as it can.`;
    }
    const columns =
      head.rank === head.kept.length
        ? `the ${head.rank} columns of W in play are independent`
        : "the columns of W are dependent, but μ lies in their row space";
    return `A head exists: ${columns}. ${state.prompted ? "bᵀG is the margin up to a positive factor." : "bᵀG is the margin itself."}`;
  }

  /** The decision, always in view: margin and head, on one line. */
  function strip(names, formulas, state) {
    const line = gauge(names);
    const numbers = Object.fromEntries(names.map((name) => [name, el("span", { class: "ex-figure" })]));
    const labels = Object.fromEntries(names.map((name) => [name, el("span", { class: "ex-label" })]));
    const moved = Object.fromEntries(names.map((name) => [name, el("span", { class: "ex-moved" })]));
    const verdict = el("span", { class: "ex-verdict" });
    const spoken = el("span", { class: "ex-spoken", "aria-live": "polite" });
    let pin = null;
    let now = null;
    let timer = 0;
    const button = el("button", {
      type: "button",
      text: "pin",
      title: "measure changes from here",
      click: () => {
        pin = now;
        draw();
      },
    });
    const node = el(
      "div",
      { class: "ex-strip", role: "group", "aria-label": "decision" },
      line.node,
      el(
        "div",
        { class: "ex-decision" },
        el(
          "div",
          { class: "ex-quantities" },
          ...names.map((name, k) =>
            el(
              "span",
              { class: `ex-quantity ex-of-${name}` },
              el("span", { class: "ex-dot", "aria-hidden": "true" }),
              formulas[k],
              " ",
              numbers[name],
              " ",
              labels[name],
              " ",
              moved[name],
            ),
          ),
        ),
        el("div", { class: "ex-end" }, verdict, button),
        spoken,
      ),
    );

    function draw() {
      const values = Object.fromEntries(
        names.flatMap((name) => [
          [name, now[name]],
          [`${name}-pin`, pin[name]],
        ]),
      );
      const sizes = Object.values(values).filter(Number.isFinite).map(Math.abs);
      line.update(values, Math.max(1, ...state.machine.mu.map(Math.abs), ...sizes));
      for (const name of names) {
        const value = now[name];
        numbers[name].textContent = signed(value);
        labels[name].textContent = Number.isFinite(value) ? `label ${value >= 0 ? 1 : 0}` : "no answer";
        const change = value - pin[name];
        moved[name].textContent = Math.abs(change) > 5e-5 ? `(${signed(change)} since the pin)` : "";
      }
    }
    function show(values, word, good) {
      now = values;
      pin ??= values;
      draw();
      verdict.textContent = word;
      verdict.dataset.good = good;
      clearTimeout(timer);
      const said = `${word}, margin ${signed(values[names[0]], 2)}`;
      timer = setTimeout(() => {
        if (spoken.textContent !== said) spoken.textContent = said;
      }, 600);
    }
    return { node, show, unpin: () => (pin = null) };
  }

  function verdictOf(margin, value) {
    if (!Number.isFinite(value)) return ["head: none", "no"];
    if (Math.abs(margin) < UNDECIDED) return ["margin zero", "even"];
    return margin >= 0 === value >= 0 ? ["head right", "yes"] : ["head wrong", "no"];
  }

  function decisionPanel(state) {
    const widget = strip(
      ["margin", "value"],
      [el("span", {}, "margin ", math("μᵀP[H_0 | x]")), el("span", {}, "head ", math("bᵀG_∅"))],
      state,
    );
    return {
      node: widget.node,
      rebuild: () => {},
      unpin: widget.unpin,
      update: ({ margin, value }) => widget.show({ margin, value }, ...verdictOf(margin, value)),
    };
  }

  // --- memory ---

  function memoryPanel(state, changed) {
    const lists = el("div", { class: "ex-pair" });
    const verdict = el("p", { class: "ex-note" });
    let parts = [];
    function rebuild() {
      const { memory } = state.machine;
      const boxed = (title, widget) => ({
        widget,
        node: el("div", {}, el("p", { class: "ex-subtitle" }, ...title), widget.node),
      });
      parts = [
        boxed(
          [`${memory.name} `, math("P[M | x]")],
          bars({ names: memory.values, label: `posterior of the ${memory.name}`, tone: "states" }),
        ),
        boxed(
          ["task ", math("μ")],
          taskBars(state, memory.values, (name) => `task weight of ${name}`, changed),
        ),
      ];
      lists.replaceChildren(...parts.map((part) => part.node));
    }
    function update(reading) {
      parts[0].widget.update(reading.memory);
      parts[1].widget.update(state.machine.mu);
      const text = memorySentence(state, reading);
      if (verdict.textContent !== text) verdict.textContent = text;
    }
    return { node: panel("Memory and task", "head", lists, verdict), rebuild, update };
  }

  function memorySentence({ machine, text }, { recovered, head }) {
    const names = recovered.states.map((s) => machine.states[s]);
    if (names.length === 0)
      return `No syntax state of the ${machine.memory.name} is recoverable: their columns of W depend on others, and there is no Φ.`;
    const start = `Recoverable: ${names.join(", ")}. `;
    if (!head) return start + "The text is empty, and there is nothing to read.";
    const places = head.chosen.flatMap((chosen, i) => (chosen ? [`${machine.tokens[text[i]]} at ${i + 1}`] : []));
    const best = Math.max(...head.keys);
    return `${start}The head reads ${places.join(", ")}, where the key is ${plain(best, 3)}. ${head.certain ? "A key of one: its sign is that of the margin." : "No position is certain, and nothing is promised."}`;
  }

  function memoryDecision(state) {
    const widget = strip(
      ["margin", "value"],
      [el("span", {}, "margin ", math("μᵀP[M | x]")), el("span", {}, "head ", math("mean value"))],
      state,
    );
    return {
      node: widget.node,
      rebuild: () => {},
      unpin: widget.unpin,
      update: ({ margin, head }) => {
        const value = head ? head.output : NaN;
        widget.show({ margin, value }, ...verdictOf(margin, value));
      },
    };
  }

  return { headPanel, decisionPanel, memoryPanel, memoryDecision, taskBars };
})();
