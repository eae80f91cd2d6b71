/* The live geometry: turns each <div class="explorer" data-geometry> into two simplices that the reader can change.
 *
 * Every change goes one way: it edits `state`, then `render` reads all short texts with ExplorerPlane and hands what it
 * found to the drawings and the panels. The other explorer_*.js that the directive names come first.
 */
"use strict";

(() => {
  const M = ExplorerMaths;
  const P = ExplorerPlane;
  const { el, math, signed, plain, panel, bars, choice, frame, onPage } = ExplorerWidgets;
  const { machinePanel, promptPanel } = ExplorerLaws;
  const { taskBars } = ExplorerDecisions;
  const { simplex, handle, legend, placed } = ExplorerTriangles;
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const LENGTHS = { 1: "1", 2: "2", 3: "3", 4: "4", 5: "5" };
  // Six moves of size one in ‖·‖₁ by which what one token loses another gains, in the order of a hexagon.
  const HEXAGON = [[1, -1, 0], [1, 0, -1], [0, 1, -1], [-1, 1, 0], [-1, 0, 1], [0, -1, 1]];
  const vector = (values, print) => `(${values.map((value) => print(value, 2)).join(", ")})`;

  function build(root) {
    const settings = JSON.parse(root.dataset.geometry);
    const has = (name) => settings.panels.includes(name);
    const state = { machine: null, longest: 4, selected: 0, prompted: false, kept: null, reading: null };
    let parts = [];

    const changed = () => render();
    const message = el("p", { class: "ex-message", role: "alert" });
    const pictures = el("div", { class: "ex-pair ex-triangles" });
    const columns = el("ul", { class: "ex-columns", role: "list", "aria-label": "columns of W" });
    const notes = el("div", { class: "ex-note ex-findings", role: "status" });
    const where = el("input", {
      type: "range",
      class: "ex-range ex-where",
      min: 0,
      step: 1,
      "aria-label": "text to look at",
      autocomplete: "off",
      input: () => pick(Number(where.value)),
    });
    const place = el("span", { class: "ex-text" });
    const lists = el("div", { class: "ex-pair" });
    const lengths = choice("number of tokens of the longest text", LENGTHS, "4", (value) => {
      state.longest = Number(value);
      state.selected = Math.min(state.selected, 3);
      render();
    });

    // --- the drawings ---

    let left, right, handles, details;
    const meaning = el("p", { class: "ex-subtitle" });

    function rebuild() {
      const { machine } = state;
      const numbered = machine.states.map((name, h) => (name === String(h) ? name : `${h} ${name}`));
      left = simplex({ label: "simplex of posteriors", names: numbered, onPick: pickNear("inside") });
      right = simplex({ label: "triangle of token distributions", names: machine.tokens, onPick: pickNear("shown") });
      handles = machine.states.map((name, h) =>
        handle(right, {
          number: h,
          name: `column of W of state ${name}`,
          tokens: machine.tokens,
          onMove: (column) => {
            machine.emission[h] = column;
            render();
          },
        }),
      );
      // Once, as a point that is taken out and put back loses the pointer and the focus.
      right.top.replaceChildren(...handles.map(({ node }) => node));
      const list = (title, options) => {
        const widget = bars(options);
        return { widget, node: el("div", {}, el("p", { class: "ex-subtitle" }, ...title), widget.node) };
      };
      details = [
        list(["posterior without a prompt ", math("P[H_0 | x]")], {
          names: machine.states,
          label: "posterior of the chosen text",
          tone: "states",
        }),
        list(["the model shows ", math("G_∅")], {
          names: machine.tokens,
          label: "token distribution of the chosen text",
          tone: "tokens",
        }),
      ];
      lists.replaceChildren(...details.map(({ node }) => node));
      pictures.replaceChildren(
        el("div", {}, meaning, left.node),
        el(
          "div",
          {},
          el("p", { class: "ex-subtitle" }, "what the model shows there: drag the columns of ", math("W")),
          right.node,
        ),
      );
    }

    /** Select the text whose mark is nearest to where the reader has pointed. */
    const pickNear = (key) => ([x, y]) => {
      const drawing = key === "shown" ? right : left;
      const far = state.reading.texts.map((text) => {
        if (!text[key]) return Infinity;
        const [px, py] = placed(text[key], drawing.corners);
        return Math.hypot(px - x, py - y);
      });
      pick(far.indexOf(Math.min(...far)));
    };

    function pick(index) {
      state.selected = index;
      if (state.reading) show(state.reading);
    }

    function drawLeft({ texts, prior, lost, normal, excluded }) {
      const off = prior.map((p) => p === 0);
      const kept = prior.flatMap((p, h) => (p > 0 ? [h] : []));
      const flat = kept.length === 3;
      const pressed = off.length > 3 ? `, ${off.length - 1} dimensions pressed into two` : "";
      meaning.textContent = `posteriors of the state at the blank${state.prompted ? ", after the prompt" : ""}${pressed}`;
      left.frame(off);
      const lines = flat && lost.length === 1 ? P.linesAlong(lost[0], kept) : [];
      left.shape("fibres", lines.map((points) => ({ points })));
      left.marks("marks", texts.flatMap(({ inside, label }) => (inside ? [{ p: inside, label }] : [])));
      left.shape("line", flat && excluded < 0 ? [{ points: P.zeroLine(normal, kept), closed: false }] : []);
      const { inside } = texts[state.selected];
      const through = inside && lost.length === 1 ? [{ points: P.fibre(inside, lost[0]), closed: false }] : [];
      left.shape("fibre", through);
      left.ring("ring", inside);
    }

    function drawRight({ texts, prior, hulls, apart, head }) {
      const { emission } = state.machine;
      right.frame([false, false, false]);
      right.shape("image", [{ points: P.hull(emission.filter((_, h) => prior[h] > 0)) }]);
      right.shape("hulls", hulls.map((points, label) => ({ points, kind: `ex-label-${label}` })));
      right.marks("marks", texts.flatMap(({ shown, label }) => (shown ? [{ p: shown, label }] : [])));
      const line = P.zeroLine(head.weights, [0, 1, 2]);
      right.shape("line", [{ points: line, kind: head.exact ? "" : "ex-near", closed: false }]);
      const between = apart && !apart.meet ? apart.points : [];
      const around = between.map((point) => ({
        points: HEXAGON.map((move) => point.map((value, i) => value + (apart.distance * move[i]) / 2)),
      }));
      right.shape("budget", around);
      right.shape("nearest", [{ points: between, closed: false }]);
      right.symbol("star", "★", apart?.meet ? apart.points[0] : null);
      right.ring("ring", texts[state.selected].shown);
      handles.forEach(({ update }, h) => update(emission[h], prior[h] === 0));
    }

    // --- numbers and sentences ---

    function columnList(prior) {
      const { states, tokens, emission } = state.machine;
      columns.replaceChildren(
        ...states.map((name, h) => {
          const numbers = tokens.map((token, z) => `${token} ${emission[h][z].toFixed(2)}`).join(", ");
          const which = name === String(h) ? "" : `${name}: `;
          return el(
            "li",
            { class: prior[h] === 0 ? "ex-off" : null },
            el("span", { class: "ex-disc", text: String(h) }),
            `${which}${numbers}${prior[h] === 0 ? " (switched off)" : ""}`,
          );
        }),
      );
    }

    function headSentence({ head, excluded }) {
      if (excluded >= 0) {
        return `The prompt excludes state ${state.machine.states[excluded]}, which μ weighs: no b gives every margin.`;
      }
      if (!head.exact) return "No b gives every margin; the dashed line is that of the one which comes nearest.";
      const b = `b = ${vector(head.weights, signed)}`;
      const scale = state.prompted ? " up to a positive factor" : "";
      return `A head b gives every margin${scale}: ${b}.`;
    }

    function lostSentence({ lost, normal, excluded }) {
      if (lost.length === 0) {
        return "No direction is lost: texts with different posteriors are shown as different points.";
      }
      if (lost.length > 1) return `${lost.length} independent directions are lost.`;
      const first = lost[0].find((value) => Math.abs(value) > 1e-9);
      const size = Math.sign(first) * Math.max(...lost[0].map(Math.abs));
      const v = lost[0].map((value) => value / size);
      const along = v.reduce((sum, value, h) => sum + value * normal[h], 0);
      const direction = `W v = 0 for v = ${vector(v, signed)}`;
      const said = `One direction is lost: ${direction}, and posteriors along it are shown as one point.`;
      if (excluded >= 0) return said;
      if (Math.abs(along) < 1e-9) return `${said} The label line runs along it, so nothing of the label is lost.`;
      return `${said} The margin changes along it.`;
    }

    function hullSentence({ apart, hulls, decided, texts }) {
      const ties = texts.filter(({ label, shown }) => label === null && shown).length;
      const unable = texts.filter(({ shown }) => !shown).length;
      const tied = ties ? ` ${ties} more have a margin of zero and no label.` : "";
      const rest = `${tied}${unable ? ` ${unable} more cannot follow this prompt.` : ""}`;
      if (!apart) return `All ${decided} texts have label ${hulls[0].length > 0 ? 0 : 1}.${rest}`;
      if (apart.meet) return `The hulls meet at ★: no head gets all ${decided} texts right.${rest}`;
      const noise = "if each G is off by less than the distance of the hulls in ‖·‖₁";
      return `Some head gets all ${decided} texts right, and still does ${noise}.${rest}`;
    }

    const figures = Object.fromEntries(
      ["distance", "wrong"].map((name) => [name, el("span", { class: "ex-figure" })]),
    );
    const strip = el(
      "div",
      { class: "ex-strip ex-decision", role: "group", "aria-label": "result" },
      el("span", { class: "ex-quantity ex-of-distance" }, "distance of the hulls ", figures.distance),
      el("span", { class: "ex-quantity ex-of-wrong" }, "labels that ", math("b"), " gets wrong ", figures.wrong),
    );

    function show(reading) {
      const { machine } = state;
      state.selected = Math.min(state.selected, reading.texts.length - 1);
      drawLeft(reading);
      drawRight(reading);
      const { tokens, posterior, margin, label, shown } = reading.texts[state.selected];
      const separator = machine.tokens.every((token) => token.length === 1) ? "" : " ";
      const word = ["∅", ...tokens.map((z) => machine.tokens[z])].join(separator);
      const named = label === null ? "no label" : `label ${label}`;
      where.max = reading.texts.length - 1;
      where.value = state.selected;
      where.setAttribute("aria-valuetext", word);
      place.replaceChildren(
        el("span", { class: "ex-words-of", text: word }),
        el("span", { class: "ex-place" }, math("μᵀP[H_0 | x]"), ` = ${signed(margin)}: ${named}`),
      );
      details[0].widget.update(posterior);
      details[1].widget.update(shown ?? machine.tokens.map(() => NaN));
      columnList(reading.prior);
      const sentences = [headSentence(reading), lostSentence(reading), hullSentence(reading)];
      const paragraphs = sentences.map((text) => el("p", { text }));
      if (notes.textContent !== sentences.join("")) notes.replaceChildren(...paragraphs);
      figures.distance.textContent = reading.apart ? plain(reading.apart.distance) : "–";
      figures.wrong.textContent = `${reading.wrong} of ${reading.decided}`;
    }

    function render() {
      const { machine } = state;
      try {
        const prompt = state.prompted ? machine.prompt : null;
        state.reading = P.read(machine, { mu: machine.mu, longest: state.longest, prompt });
        message.textContent = "";
      } catch (error) {
        if (!(error instanceof M.EmptyPrompt)) throw error;
        state.reading = null;
        message.textContent =
          "The prompt is zero on every state that the HMM can start in. Give one of them a positive entry.";
      }
      root.classList.toggle("ex-failed", state.reading === null);
      if (state.reading) show(state.reading);
      parts.forEach((part) => part.update());
    }

    // --- what can be changed below the drawings ---

    function taskPanel() {
      const node = panel(["Task ", math("μ")], "head");
      let widget = null;
      return {
        node,
        rebuild: () => {
          widget = taskBars(state, state.machine.states, (name) => `task weight of state ${name}`, changed);
          node.replaceChildren(node.firstChild, widget.node);
        },
        update: () => widget.update(state.machine.mu),
      };
    }

    function start(index) {
      const machine = copy(settings.machines[index]);
      Object.assign(state, { machine, prompted: false, selected: 3 });
      rebuild();
      parts.forEach((part) => part.rebuild());
      render();
    }

    parts = [
      has("prompt") ? promptPanel(state, changed) : null,
      has("task") ? taskPanel() : null,
      has("machine") ? machinePanel(state, changed) : null,
    ].filter(Boolean);
    const drawings = panel(
      "All short texts, as posteriors and as the model shows them",
      "geometry",
      message,
      pictures,
      legend([
        ["■", "text of label 0", "ex-label-0"],
        ["◆", "text of label 1", "ex-label-1"],
        ["○", "margin zero", "ex-label-none"],
        ["—", "where the label changes", "ex-of-line"],
        ["╌", "nearest b, where no b is exact", "ex-of-line"],
        ["▲", "image of the posteriors under W", "ex-of-image"],
        ["―", "posteriors that look alike", "ex-of-fibre"],
        ["⬡", "noise that can be borne", "ex-of-budget"],
      ]),
      columns,
      el(
        "div",
        { class: "ex-line" },
        el("span", { class: "ex-subtitle", text: "texts of up to so many tokens:" }),
        lengths,
      ),
      el("div", { class: "ex-line ex-look" }, where, place),
      lists,
      notes,
    );
    frame(root, settings, [drawings, ...parts.map(({ node }) => node), strip], start);
    root.explorer = state; // for the curious, and for tests
    start(0);
  }

  onPage("geometry", build);
})();
