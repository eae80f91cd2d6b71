/* The live explorer: turns each <div class="explorer"> of a page into machines that the reader can change.
 *
 * Every change goes one way: it edits `state`, then `render` reads the text with ExplorerMaths and hands what it
 * found to the panels. The other explorer_*.js come first.
 */
"use strict";

(() => {
  const M = ExplorerMaths;
  const { frame, onPage } = ExplorerWidgets;
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

    frame(
      root,
      settings,
      panels.map((part) => part.node),
      start,
    );
    root.explorer = state; // for the curious, and for tests
    start(0);
  }

  onPage("explorer", build);
})();
