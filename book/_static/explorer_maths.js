/* The mathematics of the live explorer: what hmmlib computes, in the reader's browser.
 *
 * Conventions are those of hmmlib: transition[from][to], emission[column][token], the state under the blank comes
 * first and `initial` is its law, a token -1 is a blank. Everything runs in logarithms, so that nothing underflows:
 * the explorer's machines are small, and a text has at most a few hundred positions.
 *
 * A classic script without dependencies: modules do not load from file://. It defines one name, ExplorerMaths.
 */
"use strict";

var ExplorerMaths = (() => {
  const RTOL = 1e-7; // singular values below this share of the largest count as zero
  const LEAK = 1e-15 / RTOL; // the largest deviation that rounding alone explains
  const TOLERANCE = 1e-9; // keys this close to the largest count as equal to it
  const BLANK = -1;

  /** Evidence that the machine cannot produce, at the given position of the sequence, counted from 0. */
  class ImpossibleEvidence extends Error {
    constructor(position) {
      super(`the evidence at position ${position} is impossible after what precedes it`);
      this.name = "ImpossibleEvidence";
      this.position = position;
    }
  }

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const dot = (a, b) => a.reduce((total, value, i) => total + value * b[i], 0);
  const norm = (values) => Math.sqrt(dot(values, values));
  const table = (rows, columns, entry) =>
    Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => entry(i, j)));
  const transposed = (matrix) => table(matrix[0].length, matrix.length, (i, j) => matrix[j][i]);

  function logSumExp(values) {
    let most = -Infinity;
    for (const value of values) if (value > most) most = value;
    if (most === -Infinity) return most;
    let total = 0;
    for (const value of values) total += Math.exp(value - most);
    return most + Math.log(total);
  }

  function softmax(logs) {
    const total = logSumExp(logs);
    return logs.map((value) => Math.exp(value - total));
  }

  // --- chains under a fixed content of the memory; without a memory there is one content ---

  /** All contents of a memory of n_cells cells, in the order of hmmlib's flat states. */
  function contents(nValues, nCells) {
    let rows = [[]];
    for (let cell = 0; cell < nCells; cell++) {
      rows = rows.flatMap((row) => Array.from({ length: nValues }, (_, value) => [...row, value]));
    }
    return rows;
  }

  /** A machine as a chain: initial of content and state (flat), transition, emission columns, their numbers. */
  function chainOf(machine) {
    if (!machine.memory) {
      return { ...machine, columns: machine.initial.map((_, state) => state) };
    }
    const { nValues, nCells, nSyntax } = machine.memory;
    const columns = [];
    for (const content of contents(nValues, nCells)) {
      for (let cell = 0; cell < nCells; cell++) {
        for (let s = 0; s < nSyntax; s++) columns.push((content[cell] * nCells + cell) * nSyntax + s);
      }
    }
    return { ...machine, columns };
  }

  /** The embedding of a token: its probability in each emission column; all ones for a blank. */
  const embed = (machine, token) => machine.emission.map((law) => (token === BLANK ? 1 : law[token]));

  /** One step of every chain, in logarithms. */
  function step(logs, logTransition) {
    const size = logTransition.length;
    const moved = new Array(logs.length);
    const terms = new Array(size);
    for (let first = 0; first < logs.length; first += size) {
      for (let to = 0; to < size; to++) {
        for (let from = 0; from < size; from++) terms[from] = logs[first + from] + logTransition[from][to];
        moved[first + to] = logSumExp(terms);
      }
    }
    return moved;
  }

  function sweep(start, logEvidence, logTransition) {
    const messages = [];
    const scales = [];
    let message = start;
    for (const now of logEvidence) {
      messages.push(message);
      const weighted = message.map((value, i) => value + now[i]);
      const scale = logSumExp(weighted);
      scales.push(scale);
      const finite = scale === -Infinity ? 0 : scale;
      message = step(weighted, logTransition).map((value) => value - finite);
    }
    return { messages, scales };
  }

  /** Posteriors at every position, given an embedding for each.
   *
   * Returns filtered, smoothed and leaveOneOut laws of the flat states, the token laws G_i ("conditionals") and the
   * log-likelihood. Throws ImpossibleEvidence, with the first position that the machine cannot produce.
   */
  function posteriors(machine, embeddings) {
    const chain = chainOf(machine);
    const logTransition = chain.transition.map((row) => row.map(Math.log));
    const logEvidence = embeddings.map((row) => {
      const logs = row.map(Math.log);
      return chain.columns.map((column) => logs[column]);
    });
    const forward = sweep(chain.initial.map(Math.log), logEvidence, logTransition);
    const impossible = forward.scales.indexOf(-Infinity);
    if (impossible >= 0) throw new ImpossibleEvidence(impossible);
    const ones = chain.columns.map(() => 0);
    const backward = sweep(ones, [...logEvidence].reverse(), transposed(logTransition)).messages.reverse();

    const found = { filtered: [], smoothed: [], leaveOneOut: [], conditionals: [] };
    forward.messages.forEach((before, t) => {
      const both = before.map((value, i) => value + backward[t][i]);
      found.filtered.push(softmax(before.map((value, i) => value + logEvidence[t][i])));
      found.smoothed.push(softmax(both.map((value, i) => value + logEvidence[t][i])));
      const others = softmax(both);
      found.leaveOneOut.push(others);
      found.conditionals.push(throughEmission(chain, others));
    });
    found.logLikelihood = sum(forward.scales);
    return found;
  }

  /** W p: the token law that a law of the flat states shows. */
  function throughEmission(chain, law) {
    const tokens = new Array(chain.emission[0].length).fill(0);
    law.forEach((p, state) => {
      const row = chain.emission[chain.columns[state]];
      for (let token = 0; token < tokens.length; token++) tokens[token] += p * row[token];
    });
    return tokens;
  }

  // --- singular values: which columns depend on one another ---

  /** Singular values and vectors of a matrix with at least as many rows as columns (one-sided Jacobi). */
  function tallSvd(matrix) {
    const n = matrix[0].length;
    const left = transposed(matrix); // left[j] is column j, made orthogonal to the others
    const right = table(n, n, (i, j) => Number(i === j)); // right[j] is column j of V
    for (let round = 0, turned = true; turned && round < 60; round++) {
      turned = false;
      for (let p = 0; p < n - 1; p++) {
        for (let q = p + 1; q < n; q++) {
          const alpha = dot(left[p], left[p]);
          const beta = dot(left[q], left[q]);
          const gamma = dot(left[p], left[q]);
          if (Math.abs(gamma) <= 1e-17 * Math.sqrt(alpha * beta) || gamma === 0) continue;
          turned = true;
          const zeta = (beta - alpha) / (2 * gamma);
          const tangent = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
          const cosine = 1 / Math.hypot(1, tangent);
          const sine = cosine * tangent;
          for (const columns of [left, right]) {
            const [a, b] = [columns[p], columns[q]];
            columns[p] = a.map((value, i) => cosine * value - sine * b[i]);
            columns[q] = a.map((value, i) => sine * value + cosine * b[i]);
          }
        }
      }
    }
    return { sizes: left.map(norm), left, right };
  }

  /** Pseudo-inverse of a matrix, its rank, and how far each column takes part in dependencies, in [0, 1]. */
  function analyse(matrix) {
    const tall = matrix.length >= matrix[0].length;
    const { sizes, left, right } = tallSvd(tall ? matrix : transposed(matrix));
    const limit = RTOL * Math.max(...sizes);
    const kept = sizes.flatMap((size, k) => (size > limit ? [k] : []));
    // left[k] still carries its singular value; of the tall matrix, or of its transpose.
    const [columns, rows] = tall ? [left, right] : [right, left];
    const inverse = table(matrix[0].length, matrix.length, (i, j) =>
      sum(kept.map((k) => (rows[k][i] * columns[k][j]) / sizes[k] ** 2)),
    );
    const projection = table(
      matrix[0].length,
      matrix[0].length,
      (i, j) => Number(i === j) - sum(kept.map((k) => (rows[k][i] * rows[k][j]) / (tall ? 1 : sizes[k] ** 2))),
    );
    return { inverse, leak: projection.map(norm), rank: kept.length };
  }

  // --- head and prompt without a memory ---

  /** The law of the state under the blank after one prompt vector u: Aᵀ(u ⊙ π₀), rescaled; null if it is all zero. */
  function promptedPrior(machine, prompt) {
    const weighed = machine.initial.map((p, h) => p * prompt[h]);
    const total = sum(weighed);
    if (!(total > 0)) return null;
    return machine.initial.map((_, to) => sum(weighed.map((p, from) => (p / total) * machine.transition[from][to])));
  }

  /** The head b that reads off μᵀP[H₀ | x], up to a positive factor, where the blank's prior is another.
   *
   * `exact` says whether W_Bᵀb = (μ ⊙ π₀/ρ)_B holds; if not, b comes as near as it can, and `lost` names a state that
   * μ weighs and the prior leaves out, if that is why.
   */
  function headForPrior(machine, mu, prior) {
    const kept = prior.flatMap((p, h) => (p > 0 ? [h] : []));
    const lost = prior.findIndex((p, h) => p === 0 && mu[h] * machine.initial[h] !== 0);
    const columns = transposed(kept.map((h) => machine.emission[h]));
    const target = kept.map((h) => (mu[h] * machine.initial[h]) / prior[h]);
    const { inverse, rank } = analyse(columns);
    const weights = columns.map((_, token) => sum(target.map((value, k) => value * inverse[k][token])));
    const residual = norm(kept.map((h, k) => dot(weights, machine.emission[h]) - target[k]));
    const exact = lost < 0 && residual <= LEAK * norm(target);
    return { weights, exact, lost, kept, rank };
  }

  /** Everything that is shown of one text: posteriors, token laws, head and margin.
   *
   * tokens: x_1 … x_T. options: mu; prompt (a vector u, or null); weights (a given head b, or null for the
   * theorem's). Positions of ImpossibleEvidence are those of (∅, x): the blank is 0.
   */
  function readText(machine, tokens, { mu, prompt = null, weights = null }) {
    const text = [BLANK, ...tokens].map((token) => embed(machine, token));
    const plain = posteriors(machine, text);
    const margin = dot(mu, plain.smoothed[0]);
    let shown = plain;
    let prior = machine.initial;
    if (prompt) {
      prior = promptedPrior(machine, prompt);
      if (prior === null) throw new EmptyPrompt();
      shown = withoutFirst(promptedPosteriors(machine, prompt, text));
    }
    const head = headForPrior(machine, mu, prior);
    const given = weights ?? head.weights;
    return { plain, shown, prior, margin, head, weights: given, value: dot(given, shown.conditionals[0]) };
  }

  /** A prompt that is zero wherever the chain can start. */
  class EmptyPrompt extends Error {
    constructor() {
      super("the prompt is zero on every state that the chain can start in");
      this.name = "EmptyPrompt";
    }
  }

  /** A text that the machine can write, but not after this prompt. */
  class ImpossibleAfterPrompt extends Error {
    constructor(position) {
      super(`the text is impossible after this prompt: position ${position}`);
      this.name = "ImpossibleAfterPrompt";
      this.position = position;
    }
  }

  function promptedPosteriors(machine, prompt, text) {
    try {
      return posteriors(machine, [prompt, ...text]);
    } catch (error) {
      throw error instanceof ImpossibleEvidence ? new ImpossibleAfterPrompt(error.position - 1) : error;
    }
  }

  const withoutFirst = (found) =>
    Object.fromEntries(
      Object.entries(found).map(([kind, rows]) => [kind, Array.isArray(rows) ? rows.slice(1) : rows]),
    );

  // --- memory and the attention head ---

  /** Emission columns that some content and chain state of positive probability read, increasing. */
  function liveColumns(machine) {
    const chain = chainOf(machine);
    const size = chain.transition.length;
    const live = chain.initial.map((p) => p > 0);
    for (let grown = true; grown;) {
      grown = false;
      live.forEach((reached, state) => {
        if (!reached) return;
        const first = state - (state % size);
        chain.transition[state % size].forEach((p, to) => {
          if (p > 0 && !live[first + to]) grown = live[first + to] = true;
        });
      });
    }
    return [...new Set(chain.columns.filter((_, state) => live[state]))].sort((a, b) => a - b);
  }

  /** Recoverable syntax states of a cell, and the map Φ that reads their probabilities off a token law. */
  function recovery(machine, cell) {
    const { nCells, nSyntax } = machine.memory;
    const used = liveColumns(machine);
    const { inverse, leak } = analyse(transposed(used.map((column) => machine.emission[column])));
    const ofCell = used.map((column) => Math.floor(column / nSyntax) % nCells === cell);
    const states = Array.from({ length: nSyntax }, (_, s) => s).filter((s) => {
      const mine = used.flatMap((column, k) => (ofCell[k] && column % nSyntax === s ? [k] : []));
      return mine.length > 0 && mine.every((k) => leak[k] <= LEAK);
    });
    const starred = used.flatMap((column, k) => (ofCell[k] && states.includes(column % nSyntax) ? [k] : []));
    const columns = starred.map((k) => used[k]);
    return {
      states,
      columns,
      values: columns.map((column) => Math.floor(column / (nCells * nSyntax))),
      projection: starred.map((k) => inverse[k]),
    };
  }

  /** P[M_cell | …] from a law of the flat states. */
  function memoryPosterior(machine, law, cell) {
    const { nValues, nCells } = machine.memory;
    const size = machine.transition.length;
    const total = new Array(nValues).fill(0);
    contents(nValues, nCells).forEach((content, k) => {
      for (let c = 0; c < size; c++) total[content[cell]] += law[k * size + c];
    });
    return total;
  }

  /** P[cell and syntax state | …] from a law of the flat states. */
  function statePosterior(machine, law) {
    const size = machine.transition.length;
    const total = new Array(size).fill(0);
    law.forEach((p, state) => (total[state % size] += p));
    return total;
  }

  /** Everything that is shown of one text of a machine with memory: keys, values, chosen positions, output, margin.
   *
   * `evidence`[i][r] is ΦG_i ⊙ e*(x_i), `inside` P[H_i ∈ H* | x], `scaled` the value divided by G_i(x)[x_i], which is
   * the margin where a key is one. `head` is null where no state is recoverable.
   */
  function readMemory(machine, tokens, { mu, cell = 0 }) {
    const found = posteriors(
      machine,
      [BLANK, ...tokens].map((token) => embed(machine, token)),
    );
    const memory = memoryPosterior(machine, found.smoothed[0], cell);
    const margin = dot(mu, memory);
    const recovered = recovery(machine, cell);
    const result = { found, memory, margin, recovered, head: null };
    if (recovered.states.length === 0 || tokens.length === 0) return result;
    const weights = recovered.values.map((value) => mu[value]);
    const laws = found.conditionals.slice(1);
    const read = laws.map((law) => recovered.projection.map((row) => dot(row, law)));
    const keys = read.map(sum);
    const evidence = read.map((row, i) => row.map((p, r) => p * machine.emission[recovered.columns[r]][tokens[i]]));
    const values = evidence.map((row) => dot(weights, row));
    const seen = laws.map((law, i) => law[tokens[i]]);
    const best = Math.max(...keys);
    const chosen = keys.map((key) => key >= best - TOLERANCE);
    const output = sum(values.filter((_, i) => chosen[i])) / chosen.filter(Boolean).length;
    const scaled = values.map((value, i) => value / seen[i]);
    const inside = evidence.map((row, i) => sum(row) / seen[i]);
    result.head = { keys, values, scaled, inside, chosen, output, certain: best > 1 - TOLERANCE };
    return result;
  }

  // --- editing and drawing ---

  /** A law with one entry set and the others rescaled, so that it stays a law.
   *
   * Where nothing is left to rescale, the others take the proportions of `before`, an earlier state of the law.
   */
  function setEntry(law, index, value, before = law) {
    if (law.length === 1) return [1];
    const wanted = Math.min(1, Math.max(0, value));
    const rest = (row) => sum(row.filter((_, i) => i !== index));
    let shape = rest(law) > 0 ? law : before;
    if (!(rest(shape) > 0)) shape = law.map(() => 1);
    const total = rest(shape);
    return shape.map((p, i) => (i === index ? wanted : (p / total) * (1 - wanted)));
  }

  /** Index drawn from a law, with a uniform number in [0, 1). */
  function draw(law, uniform) {
    let left = uniform * sum(law);
    const last = law.findLastIndex((p) => p > 0);
    const found = law.findIndex((p) => (left -= p) < 0 && p > 0);
    return found < 0 ? last : found;
  }

  /** A text x_1 … x_T and the flat states that wrote it, with H_0, which writes nothing that is kept. */
  function sample(machine, length, random = Math.random) {
    const chain = chainOf(machine);
    const size = chain.transition.length;
    let state = draw(chain.initial, random());
    const states = [state];
    const tokens = [];
    for (let i = 0; i < length; i++) {
      const first = state - (state % size);
      state = first + draw(chain.transition[state % size], random());
      states.push(state);
      tokens.push(draw(chain.emission[chain.columns[state]], random()));
    }
    return { tokens, states };
  }

  return {
    BLANK,
    ImpossibleEvidence,
    ImpossibleAfterPrompt,
    EmptyPrompt,
    embed,
    posteriors,
    analyse,
    promptedPrior,
    headForPrior,
    readText,
    liveColumns,
    recovery,
    memoryPosterior,
    statePosterior,
    readMemory,
    setEntry,
    sample,
  };
})();
