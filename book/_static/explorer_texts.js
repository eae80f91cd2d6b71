/* Parts of the live explorer that are about a text: typing one, and what it reveals. */
"use strict";

var ExplorerTexts = (() => {
  const M = ExplorerMaths;
  const { el, newId, math, signed, panel, shade, bars, heatMap, choice } = ExplorerWidgets;

  const LONGEST = 128;
  const KINDS = {
    smoothed: { name: "whole text", formula: "P[H_i | x]" },
    filtered: { name: "text so far", formula: "P[H_i | x_0 … x_i]" },
    leaveOneOut: { name: "all but this token", formula: "P[H_i | x_{−i}]" },
  };

  // --- the text, and the machine that reads it ---

  const separator = (machine) => (machine.tokens.every((token) => token.length === 1) ? "" : " ");
  const spell = (machine, text) => text.map((token) => machine.tokens[token]).join(separator(machine));

  /** Tokens from what was typed, or an error that names what is no token. */
  function parse(machine, typed) {
    const parts = separator(machine) ? typed.split(/\s+/).filter(Boolean) : [...typed.replace(/\s+/g, "")];
    const tokens = parts.map((part) => machine.tokens.indexOf(part));
    const unknown = tokens.indexOf(-1);
    if (unknown >= 0) {
      const words = machine.tokens.join(", ");
      return {
        error: `“${parts[unknown]}” at position ${unknown + 1} is no token of this HMM. It writes ${words}.`,
      };
    }
    if (tokens.length > LONGEST) return { error: `${tokens.length} tokens; at most ${LONGEST} are read here.` };
    return { tokens };
  }

  function positionName(machine, text, t) {
    return t === 0 ? "the blank ∅" : `position ${t}, ${machine.tokens[text[t - 1]]}`;
  }

  function explain(error, machine, text) {
    const at = (t) => (t > 0 ? `position ${t} (${machine.tokens[text[t - 1]]})` : "the blank");
    if (error instanceof M.ImpossibleEvidence) {
      return `This HMM cannot write this text: ${at(error.position)} has probability zero after what precedes it.`;
    }
    if (error instanceof M.ImpossibleAfterPrompt) {
      return `After this prompt the HMM cannot write this text: ${at(error.position)} has probability zero. The model shows nothing here.`;
    }
    if (error instanceof M.EmptyPrompt) {
      return "The prompt is zero on every state that the HMM can start in. Give one of them a positive entry.";
    }
    throw error;
  }

  function textPanel(state, changed) {
    const messageId = newId("message");
    const field = el("input", {
      type: "text",
      class: "ex-field",
      "aria-label": "text x",
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      "aria-describedby": messageId,
      input: () => {
        const { tokens, error } = parse(state.machine, field.value);
        if (error) complain(error);
        else write(tokens);
      },
    });
    const length = el("input", {
      type: "number",
      min: 1,
      max: LONGEST,
      value: 12,
      "aria-label": "number of tokens to sample",
      autocomplete: "off",
    });
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
        ...state.machine.tokens.map((token, i) =>
          el("button", { type: "button", "aria-label": `add ${token}`, text: token, click: () => append(i) }),
        ),
        el("button", {
          type: "button",
          "aria-label": "remove the last token",
          text: "⌫",
          click: () => (write(state.text.slice(0, -1)), show()),
        }),
      );
      length.value = Math.max(1, state.text.length);
      show();
    }
    const node = panel(
      "Text",
      "text",
      el(
        "div",
        { class: "ex-line" },
        el("span", { class: "ex-blank", "aria-hidden": "true", text: "∅" }),
        field,
        el(
          "span",
          { class: "ex-sample" },
          el("button", { type: "button", class: "ex-main", text: "sample", click: sample }),
          length,
        ),
      ),
      keys,
      message,
    );
    return {
      node,
      rebuild,
      update: () => {
        message.textContent = "";
        field.removeAttribute("aria-invalid");
      },
      fail: complain,
    };
  }

  // --- what the text reveals ---

  function revealPanel(state, changed) {
    const map = heatMap({ label: `${state.title}: probabilities by position, in percent`, onSelect: select });
    const where = el("input", {
      type: "range",
      class: "ex-range ex-where",
      min: 0,
      step: 1,
      "aria-label": "position to look at",
      autocomplete: "off",
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
        text.map((token, i) => ({ label: machine.tokens[token], title: `position ${i + 1}` })),
      );
      const groups = [
        {
          names: machine.states,
          title: [
            `hidden state${state.kind === "smoothed" ? "" : ", " + KINDS[state.kind].name} `,
            math(KINDS[state.kind].formula),
          ],
          tone: "states",
        },
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
      details = [
        list(machine.states, "distribution of the hidden state", "states"),
        list(machine.tokens, "distribution of the missing token", "tokens"),
      ];
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
        const most = Math.max(...machine.mu.map(Math.abs)) || 1;
        const cells = [null].concat(
          text.map((_, i) => head && [head.keys[i], head.scaled[i], head.chosen[i] ? 1 : 0]),
        );
        const print = (p) => cellText(p);
        map.update(
          2,
          cells.map((row) => row && row.map((value, r) => ({ value, r }))),
          {
            print,
            strength: ({ value, r }) => (r === 1 ? Math.abs(value) / most / 2 : value),
          },
        );
        map.select(
          selected,
          cells.map((row) => row && row[2] === 1),
        );
      } else map.select(selected);
      where.value = selected;
      shade(where, 0, text.length ? selected / text.length : 0);
      const name = positionName(machine, text, selected);
      where.setAttribute("aria-valuetext", name);
      place.replaceChildren(`i = ${selected}: ${name}`);
      details[0].title.replaceChildren(
        "hidden state ",
        math(KINDS[state.kind].formula.replace(/_i/g, `_{${selected}}`)),
      );
      details[1].title.replaceChildren("token ", math(`G_{${selected || "∅"}}`));
      details[0].widget.update(laws[selected]);
      details[1].widget.update(tables.conditionals[selected]);
    }
    const cellText = ({ value, r }) =>
      r === 2 ? (value ? "★" : "") : r === 1 ? signed(value, 1) : String(Math.round(100 * value));

    const kinds = choice(
      "what is read of the text",
      Object.fromEntries(Object.entries(KINDS).map(([k, v]) => [k, v.name])),
      state.kind,
      (kind) => {
        state.kind = kind;
        changed("text");
      },
    );
    const note = el("p", { class: "ex-note" });
    const node = panel(
      "What the text reveals",
      "reveal",
      kinds,
      map.node,
      note,
      el("div", { class: "ex-line ex-look" }, where, place),
      lists,
    );
    return {
      node,
      rebuild,
      update: (reading) => {
        const rings = state.truth
          ? "Rings: the token that stands there, and the state that wrote it."
          : "Rings: the token that stands there.";
        note.textContent = `In percent; a dot is less than a half, an empty cell is impossible. ${rings}${reading.prior && state.prompted ? " With the prompt." : ""}`;
        update(reading);
      },
    };
  }

  return { textPanel, revealPanel, explain };
})();
