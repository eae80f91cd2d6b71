/* The mathematics of the piece "by hand": forward and backward numbers of a small HMM as exact fractions.
 *
 * Parameters are whole tenths. Every number comes with the sentence that computes it, for the reader to check.
 * Conventions are those of the book: α_i holds what precedes position i, β_i what follows it; A[to, from] and
 * W[token, state].
 *
 * A classic script without dependencies. It defines one name, ExplorerFractions.
 */
"use strict";

var ExplorerFractions = (() => {
  const BLANK = -1;

  // --- fractions: whole numbers of any size ---

  const gcd = (a, b) => (b === 0n ? a : gcd(b, a % b));

  /** The fraction top/bottom in lowest terms; neither is negative. */
  function fraction(top, bottom = 1n) {
    const shared = gcd(BigInt(top), BigInt(bottom));
    return { top: BigInt(top) / shared, bottom: BigInt(bottom) / shared };
  }
  const tenths = (count) => fraction(count, 10);
  const ONE = fraction(1);
  const ZERO = fraction(0);
  const plus = (a, b) => fraction(a.top * b.bottom + b.top * a.bottom, a.bottom * b.bottom);
  const times = (a, b) => fraction(a.top * b.top, a.bottom * b.bottom);
  /** a/b, or null where b is zero. */
  const over = (a, b) => (b.top === 0n ? null : fraction(a.top * b.bottom, a.bottom * b.top));
  const total = (values) => values.reduce(plus, ZERO);

  /** Its decimals, rounded from the exact value. */
  function decimal({ top, bottom }, digits = 4) {
    const scale = 10n ** BigInt(digits);
    const rounded = String((2n * top * scale + bottom) / (2n * bottom)).padStart(digits + 1, "0");
    return `${rounded.slice(0, -digits)}.${rounded.slice(-digits)}`;
  }

  // --- laws in tenths ---

  /** A law of whole tenths with one entry set; what it gains or loses comes from the entries after it, in turn. */
  function setTenths(law, index, value) {
    const found = [...law];
    let owed = Math.min(10, Math.max(0, Math.round(value))) - law[index];
    found[index] += owed;
    for (let k = 1; k < law.length; k++) {
      const other = (index + k) % law.length;
      const taken = owed > 0 ? Math.min(owed, found[other]) : owed;
      found[other] -= taken;
      owed -= taken;
    }
    return found;
  }

  // --- the two passes ---

  /** Every number of one text, as {value, steps, uses}.
   *
   * machine: initial, transition[from][to], emission[state][token] in tenths. text: tokens, −1 for a blank.
   *
   * Returns tables [position][state or token] named alpha, beta, smoothed, leaveOneOut, conditionals, and joint
   * [position][0], the probability of the text. `value` is null where the text, or what is left of it, is impossible.
   * `steps` are the sides of the equation that computes the value: lists of text and fractions. `uses` names the
   * numbers that enter, as [table, position, index].
   */
  function compute(machine, text) {
    const states = machine.initial.map((_, h) => h);
    const A = machine.transition.map((row) => row.map(tenths)); // A[from][to]
    const W = machine.emission.map((row) => row.map(tenths)); // W[state][token]
    const seen = (i, h) => (text[i] === BLANK ? ONE : W[h][text[i]]);
    const token = (i) => (text[i] === BLANK ? "∅" : machine.tokens[text[i]]);
    const last = text.length - 1;
    const found = { alpha: [], beta: [], smoothed: [], leaveOneOut: [], conditionals: [], joint: [] };

    /** A sum of products: `names` and `factors` side by side, one list for each summand. */
    function sumOfProducts(terms, uses) {
      const products = terms.map(({ factors }) => factors.reduce(times, ONE));
      const join = (parts, between) => parts.flatMap((part, k) => (k ? [between, ...part] : part));
      return {
        value: total(products),
        steps: [
          join(terms.map(({ names }) => [names.join(" ")]), " + "),
          join(terms.map(({ factors }) => join(factors.map((factor) => [factor]), " · ")), " + "),
          ...(terms.length > 1 ? [join(products.map((product) => [product]), " + ")] : []),
        ],
        uses,
      };
    }

    for (let i = 0; i <= last; i++) {
      found.alpha.push(
        states.map((h) => {
          if (i === 0) return { value: tenths(machine.initial[h]), steps: [[`π_0(${h})`]], uses: [] };
          const terms = states.map((g) => ({
            names: [`A[${h},${g}]`, `α_{${i - 1}}(${g})`, `W[${token(i - 1)},${g}]`],
            factors: [A[g][h], found.alpha[i - 1][g].value, seen(i - 1, g)],
          }));
          return sumOfProducts(terms, states.map((g) => ["alpha", i - 1, g]));
        }),
      );
    }
    for (let i = last; i >= 0; i--) {
      found.beta.unshift(
        states.map((h) => {
          if (i === last) return { value: ONE, steps: [[`P[nothing more | H_${i}=${h}]`]], uses: [] };
          const terms = states.map((g) => ({
            names: [`A[${g},${h}]`, `W[${token(i + 1)},${g}]`, `β_{${i + 1}}(${g})`],
            factors: [A[h][g], seen(i + 1, g), found.beta[0][g].value],
          }));
          return sumOfProducts(terms, states.map((g) => ["beta", i + 1, g]));
        }),
      );
    }
    for (let i = 0; i <= last; i++) {
      const both = states.flatMap((h) => [["alpha", i, h], ["beta", i, h]]);
      const term = (h, own) => ({
        names: [`α_{${i}}(${h})`, ...(own ? [`W[${token(i)},${h}]`] : []), `β_{${i}}(${h})`],
        factors: [found.alpha[i][h].value, ...(own ? [seen(i, h)] : []), found.beta[i][h].value],
      });
      const joint = sumOfProducts(states.map((h) => term(h, true)), both);
      const others = total(states.map((h) => sumOfProducts([term(h, false)], []).value));
      found.joint.push([joint]);
      for (const [table, own, whole] of [["smoothed", true, joint.value], ["leaveOneOut", false, others]]) {
        const sum = own ? "P[x]" : `P[x_{−${i}}]`;
        found[table].push(
          states.map((h) => {
            const part = sumOfProducts([term(h, own)], []);
            return {
              value: over(part.value, whole),
              steps: [
                [part.steps[0][0], " / ", sum],
                ["(", ...part.steps[1], ") / ", whole],
                [part.value, " / ", whole],
              ],
              uses: [["alpha", i, h], ["beta", i, h], ...(own ? [["joint", i, 0]] : both)],
            };
          }),
        );
      }
      const rest = found.leaveOneOut[i];
      found.conditionals.push(
        machine.tokens.map((name, z) => {
          const uses = states.map((h) => ["leaveOneOut", i, h]);
          if (rest[0].value === null) return { value: null, steps: [], uses };
          const terms = states.map((h) => ({
            names: [`W[${name},${h}]`, `P[H_${i}=${h} | x_{−${i}}]`],
            factors: [W[h][z], rest[h].value],
          }));
          return sumOfProducts(terms, uses);
        }),
      );
    }
    return found;
  }

  return { BLANK, fraction, decimal, setTenths, compute };
})();
