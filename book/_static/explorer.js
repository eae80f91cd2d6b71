/* The live explorer: turns each <div class="explorer"> of a page into machines that the reader can change.
 *
 * Every change goes one way: it edits `state`, then `render` reads the text with ExplorerMaths and hands what it
 * found to the panels. The other explorer_*.js come first.
 */
"use strict";

(() => {
  const M = ExplorerMaths;
  const { el } = ExplorerWidgets;
  const { textPanel, revealPanel, explain } = ExplorerTexts;
  const { machinePanel, promptPanel } = ExplorerLaws;
  const { headPanel, decisionPanel, memoryPanel, memoryDecision } = ExplorerDecisions;
  const copy = (value) => JSON.parse(JSON.stringify(value));

  function build(root) {
    const settings = JSON.parse(root.dataset.explorer);
    const state = {
      title: settings.title,
      machine: null,
      text: [],
      truth: null,
      selected: 0,
      kind: "smoothed",
      prompted: false,
      kept: null,
      reading: null,
    };
    const withMemory = Boolean(settings.machines[0].memory);
    const has = (name) => settings.panels.includes(name);
    let panels = [];

    function changed(what) {
      if (what === "text") panels.forEach((part) => part.onText && part.rebuild());
      if (what === "view" && state.reading)
        return panels.forEach((part) => part.onText && part.update(state.reading));
      render();
    }

    function read() {
      const { machine, text } = state;
      if (withMemory) {
        const reading = M.readMemory(machine, text, { mu: machine.mu, cell: machine.memory.cell });
        return { ...reading, shown: reading.found };
      }
      return M.readText(machine, text, {
        mu: machine.mu,
        prompt: state.prompted ? machine.prompt : null,
        weights: state.kept,
      });
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
        if (failure === null || part.always) part.update(state.reading);
        else part.fail?.(failure);
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

    const select = el(
      "select",
      { "aria-label": "machine", autocomplete: "off", change: () => start(select.selectedIndex) },
      ...settings.machines.map(({ title }) => el("option", { text: title })),
    );
    const reset = el("button", {
      type: "button",
      text: "reset",
      click: () => start(Math.max(0, select.selectedIndex)),
    });
    const chooser =
      settings.machines.length > 1 ? select : el("span", { class: "ex-which", text: settings.machines[0].title });
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", settings.title);
    root.replaceChildren(
      el(
        "div",
        { class: "ex-header" },
        el("p", { class: "ex-heading", text: settings.title }),
        el("span", { class: "ex-line" }, chooser, reset),
      ),
      ...panels.map((part) => part.node),
    );
    root.classList.add("ex-live");
    root.explorer = state; // for the curious, and for tests
    start(0);
  }

  const buildAll = () => document.querySelectorAll(".explorer[data-explorer]").forEach(build);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", buildAll);
  else buildAll();
})();
