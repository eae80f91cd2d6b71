/* The live explorer: turns each <div class="explorer"> of a page into machines that the reader can change.
 *
 * Every change goes one way: it edits `state`, then `render` reads the text with ExplorerMaths and hands what it found
 * to the panels. Needs explorer_maths.js and explorer_widgets.js.
 */
"use strict";

(() => {
  const M = ExplorerMaths;
  const { el, newId, math, signed, plain, panel, shade, matrix, bars, heatMap, gauge, choice } = ExplorerWidgets;

  const LONGEST = 128;
  const UNDECIDED = 1e-9; // a margin nearer to zero is decided by rounding
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const KINDS = {
    smoothed: { name: "whole text", formula: "P[H_i | x]" },
    filtered: { name: "text so far", formula: "P[H_i | x_0 … x_i]" },
    leaveOneOut: { name: "all but this token", formula: "P[H_i | x_{−i}]" },
  };

  // --- the text, and the machine that reads it ---

  const separator = (machine) => (machine.tokens.every((token) => token.length === 1) ? "" : " ");
  const spell = (machine, text) => text.map((token) => machine.tokens[token]).join(separator(machine));

  /** Tokens from what was typed; throws an error that names what is no token. */
  function parse(machine, typed) {
    const parts = separator(machine) ? typed.split(/\s+/).filter(Boolean) : [...typed.replace(/\s+/g, "")];
    const tokens = parts.map((part, i) => {
      const token = machine.tokens.indexOf(part);
      if (token < 0) throw new Error(`“${part}” at position ${i + 1} is no token of this machine. It writes ${machine.tokens.join(", ")}.`);
      return token;
    });
    if (tokens.length > LONGEST) throw new Error(`${tokens.length} tokens; at most ${LONGEST} are read here.`);
    return tokens;
  }

  function positionName(machine, text, t) {
    return t === 0 ? "the blank ∅" : `position ${t}, ${machine.tokens[text[t - 1]]}`;
  }

  function explain(error, machine, text) {
    const at = (t) => (t > 0 ? `position ${t} (${machine.tokens[text[t - 1]]})` : "the blank");
    if (error instanceof M.ImpossibleEvidence) {
      return `This machine cannot write this text: ${at(error.position)} has probability zero after what precedes it.`;
    }
    if (error instanceof M.ImpossibleAfterPrompt) {
      return `After this prompt the machine cannot write this text: ${at(error.position)} has probability zero. The model shows nothing here.`;
    }
    if (error instanceof M.EmptyPrompt) {
      return "The prompt is zero on every state that the machine can start in. Give one of them a positive entry.";
    }
    throw error;
  }

  function textPanel(state, changed) {
    const messageId = newId("message");
    const field = el("input", {
      type: "text", class: "ex-field", "aria-label": "text x", spellcheck: "false", autocapitalize: "off", autocomplete: "off",
      "aria-describedby": messageId,
      input: () => {
        try {
          write(parse(state.machine, field.value));
        } catch (error) {
          complain(error.message);
        }
      },
    });
    const length = el("input", { type: "number", min: 1, max: LONGEST, value: 12, "aria-label": "number of tokens to sample", autocomplete: "off" });
    const message = el("p", { class: "ex-message", id: messageId, role: "alert" });
    const keys = el("span", { class: "ex-keys", role: "group", "aria-label": "add a token" });

    function complain(text) {
      message.textContent = text;
      field.setAttribute("aria-invalid", "true");
    }
    function write(tokens, truth = null) {
      state.text = tokens;
      state.truth = truth;
      changed("text");
    }
    function append(token) {
      if (state.text.length < LONGEST) write([...state.text, token]);
      show();
    }
    function show() {
      field.value = spell(state.machine, state.text);
    }
    function sample() {
      const wanted = Math.min(LONGEST, Math.max(1, Math.round(Number(length.value)) || 1));
      length.value = wanted;
      const drawn = M.sample(state.machine, wanted);
      write(drawn.tokens, drawn.states);
      show();
    }
    function rebuild() {
      keys.replaceChildren(
        ...state.machine.tokens.map((token, i) => el("button", { type: "button", "aria-label": `add ${token}`, text: token, click: () => append(i) })),
        el("button", { type: "button", "aria-label": "remove the last token", text: "⌫", click: () => (write(state.text.slice(0, -1)), show()) })
      );
      length.value = Math.max(1, state.text.length);
      show();
    }
    const node = panel("Text", "text",
      el("div", { class: "ex-line" },
        el("span", { class: "ex-blank", "aria-hidden": "true", text: "∅" }), field,
        el("span", { class: "ex-sample" },
          el("button", { type: "button", class: "ex-main", text: "sample", click: sample }), length)),
      keys, message);
    return {
      node, rebuild,
      update: () => { message.textContent = ""; field.removeAttribute("aria-invalid"); },
      fail: (text) => { message.textContent = text; field.setAttribute("aria-invalid", "true"); },
    };
  }

  // --- editing the machine ---

  /** Set an entry of a law in place; remembers the proportions that a full entry wipes out. */
  function editor(changed) {
    const before = new WeakMap();
    return (laws, row, index, value) => {
      const law = laws[row];
      if (law.some((p, i) => i !== index && p > 0)) before.set(laws, { ...before.get(laws), [row]: law });
      laws[row] = M.setEntry(law, index, value, before.get(laws)?.[row] ?? law);
      changed("machine");
    };
  }

  function machinePanel(state, changed) {
    const edit = editor(changed);
    const node = panel("The machine: drag a bar, the rest of its row follows", "machine");
    let parts = [];

    function rebuild() {
      const { machine } = state;
      const names = machine.states;
      const laws = (title, object, rows, columns, tone, describe, rowTitle, columnTitle) => {
        const widget = matrix({
          caption: title, rows, columns, rowTitle, columnTitle, describe, tone,
          onInput: (i, j, value) => edit(object(), i, j, value),
        });
        return { node: widget.node, update: () => widget.update(object()) };
      };
      const moves = laws(["transition ", math("P[H_{i+1} | H_i]")], () => machine.transition, names, names, "states",
        (from, to) => `transition from ${from} to ${to}`, "from", "to");
      parts = [moves];
      if (machine.memory) parts.push(memoryEmissions(machine));
      else {
        parts.push(laws(["emission ", math("P[X_i | H_i]")], () => machine.emission, names, machine.tokens, "tokens",
          (state_, token) => `emission of ${token} in state ${state_}`, "state", "token"));
        const start = [machine.initial];
        const initial = matrix({
          caption: ["initial ", math("π_0 = P[H_0]")], rows: ["∅"], columns: names, rowTitle: "", columnTitle: "state", tone: "states",
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
          caption: [`${kind.name} `, math("P[X_i | value, state]")], rows: kind.labels, columns: machine.tokens, rowTitle: "value", columnTitle: "word", tone: "tokens",
          describe: (value, token) => `${kind.name}, ${value}: emission of ${token}`,
          onInput: (i, j, value) => edit(machine.emission, kind.columns[i], j, value),
        });
        return { node: widget.node, update: () => widget.update(kind.columns.map((column) => machine.emission[column])) };
      });
      const show = (name) => tables.forEach((part, k) => (part.node.hidden = kinds[k].name !== name));
      show("noun");
      return {
        node: el("div", { class: "ex-emissions" },
          choice("words to edit", Object.fromEntries(kinds.map((kind) => [kind.name, kind.name])), "noun", show),
          ...tables.map((part) => part.node)),
        update: () => tables.forEach((part) => part.update()),
      };
    }

    return { node, rebuild, update: () => parts.forEach((part) => part.update()) };
  }

  // --- what the text reveals ---

  function revealPanel(state, changed) {
    const map = heatMap({ label: `${state.title}: probabilities by position, in percent`, onSelect: select });
    const where = el("input", {
      type: "range", class: "ex-range ex-where", min: 0, step: 1, "aria-label": "position to look at", autocomplete: "off",
      input: () => select(Number(where.value)),
    });
    const place = el("span", { class: "ex-place" });
    const lists = el("div", { class: "ex-pair" });
    let details = [];

    function select(t) {
      state.selected = t;
      changed("view");
    }
    function rebuild() {
      const { machine, text } = state;
      const positions = [{ label: "∅", title: "the blank" }].concat(
        text.map((token, i) => ({ label: machine.tokens[token], title: `position ${i + 1}` })));
      const groups = [
        { names: machine.states, title: [`hidden state${state.kind === "smoothed" ? "" : ", " + KINDS[state.kind].name} `, math(KINDS[state.kind].formula)], tone: "states" },
        { names: machine.tokens, title: ["missing token ", math("G_i = P[X_i | x_{−i}]")], tone: "tokens" },
      ];
      if (machine.memory) groups.push({ names: ["key", "value", "chosen"], title: ["attention head"], tone: "head" });
      map.rebuild(positions, groups);
      state.selected = Math.min(state.selected, text.length);
      where.max = text.length;
      const list = (names, label, tone) => {
        const widget = bars({ names, label, tone });
        const title = el("p", { class: "ex-subtitle" });
        return { widget, title, node: el("div", {}, title, widget.node) };
      };
      details = [list(machine.states, "law of the hidden state", "states"), list(machine.tokens, "law of the missing token", "tokens")];
      lists.replaceChildren(...details.map((part) => part.node));
    }
    function update(reading) {
      const { machine, text, selected } = state;
      const tables = reading.shown;
      const size = machine.states.length;
      const laws = tables[state.kind].map((law) => (machine.memory ? M.statePosterior(machine, law) : law));
      map.update(0, laws, { ring: (t) => (state.truth ? state.truth[t] % size : -1) });
      map.update(1, tables.conditionals, { ring: (t) => (t > 0 ? text[t - 1] : -1) });
      if (machine.memory) {
        const { head } = reading;
        const most = Math.max(...machine.mu.map(Math.abs), UNDECIDED);
        const cells = [null].concat(text.map((_, i) => head && [head.keys[i], head.scaled[i], head.chosen[i] ? 1 : 0]));
        const print = (p) => cellText(p);
        map.update(2, cells.map((row) => row && row.map((value, r) => ({ value, r }))), {
          print, strength: ({ value, r }) => (r === 1 ? Math.abs(value) / most / 2 : value),
        });
        map.select(selected, cells.map((row) => row && row[2] === 1));
      } else map.select(selected);
      where.value = selected;
      shade(where, 0, text.length ? selected / text.length : 0);
      const name = positionName(machine, text, selected);
      where.setAttribute("aria-valuetext", name);
      place.replaceChildren(`i = ${selected}: ${name}`);
      details[0].title.replaceChildren("hidden state ", math(KINDS[state.kind].formula.replace(/_i/g, `_{${selected}}`)));
      details[1].title.replaceChildren("token ", math(`G_{${selected || "∅"}}`));
      details[0].widget.update(laws[selected]);
      details[1].widget.update(tables.conditionals[selected]);
    }
    const cellText = ({ value, r }) => (r === 2 ? (value ? "★" : "") : r === 1 ? signed(value, 1) : String(Math.round(100 * value)));

    const kinds = choice("what is read of the text", Object.fromEntries(Object.entries(KINDS).map(([k, v]) => [k, v.name])), state.kind, (kind) => {
      state.kind = kind;
      changed("text");
    });
    const note = el("p", { class: "ex-note" });
    const node = panel("What the text reveals", "reveal", kinds, map.node, note,
      el("div", { class: "ex-line ex-look" }, where, place), lists);
    return {
      node, rebuild,
      update: (reading) => {
        const rings = state.truth ? "Rings: the token that stands there, and the state that wrote it." : "Rings: the token that stands there.";
        note.textContent = `In percent; a dot is less than a half, an empty cell is impossible. ${rings}${reading.prior && state.prompted ? " With the prompt." : ""}`;
        update(reading);
      },
    };
  }

  // --- the prompt ---

  function promptPanel(state, changed) {
    const box = el("input", { type: "checkbox", role: "switch", autocomplete: "off", change: () => { state.prompted = box.checked; changed("machine"); } });
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
        list(["before: ", math("π_0")], "states", { label: "law of the state under the blank without a prompt" }),
        list(["prompt ", math("u")], "prompt", {
          label: "prompt vector u", describe: (name) => `prompt entry of state ${name}`, digits: 2,
          onInput: (i, value) => {
            machine.prompt[i] = value;
            changed("machine");
          },
        }),
        list(["after: ", math("ρ ∝ A(u ⊙ π_0)")], "prompt", { label: "law of the state under the blank after the prompt" }),
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
    const node = panel("Soft prompt", "prompt", el("label", { class: "ex-switch" }, box, el("span", {}, "put ", math("u"), " before the blank: ", math("(u, ∅, x)"))), body, verdict);
    return { node, rebuild, update };
  }

  // --- head, task and decision ---

  function taskBars(state, names, describe, changed) {
    return bars({
      names, label: "weights μ of the task", tone: "states", min: -2, max: 2, step: 0.05, digits: 2, describe,
      onInput: (i, value) => {
        state.machine.mu[i] = value;
        changed("machine");
      },
    });
  }

  function headPanel(state, changed) {
    const lists = el("div", { class: "ex-three" });
    const verdict = el("p", { class: "ex-note", role: "status" });
    const modes = choice("weights of the head", { rebuilt: "b rebuilt for each machine", kept: "keep this b" }, "rebuilt", (mode) => {
      state.kept = mode === "kept" ? state.reading?.weights ?? null : null;
      changed("machine");
    });
    let parts = [];
    function rebuild() {
      const { machine } = state;
      const boxed = (title, widget) => ({ widget, node: el("div", {}, el("p", { class: "ex-subtitle" }, ...title), widget.node) });
      parts = [
        boxed(["task ", math("μ")], taskBars(state, machine.states, (name) => `task weight of state ${name}`, changed)),
        boxed(["seen at the blank ", math("G_∅")], bars({ names: machine.tokens, label: "token law at the blank", tone: "tokens" })),
        boxed(["head ", math("b")], bars({ names: machine.tokens, label: "weights b of the head", tone: "head", min: -1, digits: 3 })),
      ];
      lists.replaceChildren(...parts.map((part) => part.node));
      modes.querySelectorAll("input").forEach((input) => (input.checked = (input.value === "kept") === Boolean(state.kept)));
    }
    function update(reading) {
      parts[0].widget.update(state.machine.mu);
      parts[1].widget.update(reading.shown.conditionals[0]);
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
      return `No b solves ${state.prompted ? "W_Bᵀb = (μ ⊙ π₀/ρ)_B" : "Wᵀb = μ"}: ${head.kept.length} states are in play, and only ${head.rank} of their columns of W are independent. This b comes as near as it can.`;
    }
    const columns = head.rank === head.kept.length ? `the ${head.rank} columns of W in play are independent` : "the columns of W are dependent, but μ lies in their row space";
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
    const button = el("button", { type: "button", text: "pin", title: "measure changes from here", click: () => { pin = now; draw(); } });
    const node = el("div", { class: "ex-strip", role: "group", "aria-label": "decision" }, line.node,
      el("div", { class: "ex-decision" },
        el("div", { class: "ex-quantities" }, ...names.map((name, k) => el("span", { class: `ex-quantity ex-of-${name}` }, el("span", { class: "ex-dot", "aria-hidden": "true" }), formulas[k], " ", numbers[name], " ", labels[name], " ", moved[name]))),
        el("div", { class: "ex-end" }, verdict, button), spoken));

    function draw() {
      const values = Object.fromEntries(names.flatMap((name) => [[name, now[name]], [`${name}-pin`, pin[name]]]));
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
      timer = setTimeout(() => { if (spoken.textContent !== said) spoken.textContent = said; }, 600);
    }
    return { node, show, unpin: () => (pin = null) };
  }

  function verdictOf(margin, value) {
    if (!Number.isFinite(value)) return ["head: none", "no"];
    if (Math.abs(margin) < UNDECIDED) return ["margin zero", "even"];
    return (margin >= 0) === (value >= 0) ? ["head right", "yes"] : ["head wrong", "no"];
  }

  function decisionPanel(state) {
    const widget = strip(["margin", "value"], [el("span", {}, "margin ", math("μᵀP[H_0 | x]")), el("span", {}, "head ", math("bᵀG_∅"))], state);
    return {
      node: widget.node, rebuild: () => {}, unpin: widget.unpin,
      update: ({ margin, value }) => widget.show({ margin, value }, ...verdictOf(margin, value)),
    };
  }

  // --- memory ---

  function memoryPanel(state, changed) {
    const lists = el("div", { class: "ex-pair" });
    const verdict = el("p", { class: "ex-note", role: "status" });
    let parts = [];
    function rebuild() {
      const { memory } = state.machine;
      const boxed = (title, widget) => ({ widget, node: el("div", {}, el("p", { class: "ex-subtitle" }, ...title), widget.node) });
      parts = [
        boxed([`${memory.name} `, math("P[M | x]")], bars({ names: memory.values, label: `posterior of the ${memory.name}`, tone: "states" })),
        boxed(["task ", math("μ")], taskBars(state, memory.values, (name) => `task weight of ${name}`, changed)),
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
    if (names.length === 0) return `No syntax state of the ${machine.memory.name} is recoverable: their columns of W depend on others, and there is no Φ.`;
    const start = `Recoverable: ${names.join(", ")}. `;
    if (!head) return start + "The text is empty, and there is nothing to read.";
    const places = head.chosen.flatMap((chosen, i) => (chosen ? [`${machine.tokens[text[i]]} at ${i + 1}`] : []));
    const best = Math.max(...head.keys);
    return `${start}The head reads ${places.join(", ")}, where the key is ${plain(best, 3)}. ${head.certain ? "A key of one: its sign is that of the margin." : "No position is certain, and nothing is promised."}`;
  }

  function memoryDecision(state) {
    const widget = strip(["margin", "value"], [el("span", {}, "margin ", math("μᵀP[M | x]")), el("span", {}, "head ", math("mean value"))], state);
    return {
      node: widget.node, rebuild: () => {}, unpin: widget.unpin,
      update: ({ margin, head }) => {
        const value = head ? head.output : NaN;
        widget.show({ margin, value }, ...verdictOf(margin, value));
      },
    };
  }

  // --- the whole ---

  function build(root) {
    const settings = JSON.parse(root.dataset.explorer);
    const state = { title: settings.title, machine: null, text: [], truth: null, selected: 0, kind: "smoothed", prompted: false, kept: null, reading: null };
    const withMemory = Boolean(settings.machines[0].memory);
    const has = (name) => settings.panels.includes(name);
    let panels = [];

    function changed(what) {
      if (what === "text") panels.forEach((part) => part.onText && part.rebuild());
      if (what === "view" && state.reading) return panels.forEach((part) => part.onText && part.update(state.reading));
      render();
    }

    function read() {
      const { machine, text } = state;
      if (withMemory) {
        const reading = M.readMemory(machine, text, { mu: machine.mu, cell: machine.memory.cell });
        return { ...reading, shown: reading.found };
      }
      return M.readText(machine, text, { mu: machine.mu, prompt: state.prompted ? machine.prompt : null, weights: state.kept });
    }

    function render() {
      const { machine, text } = state;
      let failure = null;
      try {
        state.reading = read();
      } catch (error) {
        failure = explain(error, machine, text);
        state.reading = null;
      }
      root.classList.toggle("ex-failed", failure !== null);
      for (const part of panels) {
        if (failure === null || !part.fail) {
          if (failure === null || part.always) part.update(state.reading);
        } else part.fail(failure);
      }
    }

    function start(index) {
      const machine = copy(settings.machines[index]);
      Object.assign(state, { machine, text: machine.text, truth: null, selected: 0, kept: null, prompted: false });
      panels.forEach((part) => (part.unpin?.(), part.rebuild()));
      render();
    }

    const text = textPanel(state, changed);
    const reveal = has("reveal") ? { ...revealPanel(state, changed), onText: true } : null;
    const prompt = has("prompt") && !withMemory ? { ...promptPanel(state, changed), always: true } : null;
    const head = has("head") ? (withMemory ? memoryPanel(state, changed) : headPanel(state, changed)) : null;
    const decision = has("head") ? (withMemory ? memoryDecision(state) : decisionPanel(state)) : null;
    const machine = has("machine") ? { ...machinePanel(state, changed), always: true } : null;
    panels = [text, reveal, prompt, head, machine, decision].filter(Boolean);

    const select = el("select", { "aria-label": "machine", autocomplete: "off", change: () => start(select.selectedIndex) },
      ...settings.machines.map(({ title }) => el("option", { text: title })));
    const reset = el("button", { type: "button", text: "reset", click: () => start(Math.max(0, select.selectedIndex)) });
    const chooser = settings.machines.length > 1 ? select : el("span", { class: "ex-which", text: settings.machines[0].title });
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", settings.title);
    root.replaceChildren(
      el("div", { class: "ex-header" }, el("p", { class: "ex-heading", text: settings.title }), el("span", { class: "ex-line" }, chooser, reset)),
      ...panels.map((part) => part.node));
    root.classList.add("ex-live");
    root.explorer = state; // for the curious, and for tests
    start(0);
  }

  const buildAll = () => document.querySelectorAll(".explorer[data-explorer]").forEach(build);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", buildAll);
  else buildAll();
})();
