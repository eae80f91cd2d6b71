/* The mathematics of the live geometry: all short texts of an HMM, and hulls of token distributions in the plane.
 *
 * Distributions over three tokens are a triangle, so hulls and their distance need no solver: what is nearest is a
 * corner of one hull and a point on an edge of the other. explorer_maths.js comes first; one name, ExplorerPlane.
 */
"use strict";

var ExplorerPlane = (() => {
  const M = ExplorerMaths;
  const UNDECIDED = 1e-9; // a margin nearer to zero is decided by rounding
  const TOUCH = 1e-12; // hulls nearer to one another have a point in common
  const SMALL = 1e-9; // what is left of a direction that others explain

  const dot = (a, b) => a.reduce((total, value, i) => total + value * b[i], 0);
  const minus = (a, b) => a.map((value, i) => value - b[i]);
  const along = (a, b, t) => a.map((value, i) => value + t * (b[i] - value));
  const mean = (points) => points[0].map((_, i) => points.reduce((sum, point) => sum + point[i], 0) / points.length);
  /** Half of ‖a − b‖₁: the total-variation distance of two distributions. */
  const variation = (a, b) => minus(a, b).reduce((sum, value) => sum + Math.abs(value), 0) / 2;

  // --- hulls ---

  /** Twice the signed area of a triangle; two coordinates of a distribution over three tokens are enough. */
  const turn = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

  /** Corners of the convex hull, counter-clockwise; one or two where the points do not span the plane. */
  function hull(points) {
    const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const distinct = sorted.filter((p, i) => i === 0 || p[0] !== sorted[i - 1][0] || p[1] !== sorted[i - 1][1]);
    if (distinct.length < 3) return distinct;
    const chain = (list) => {
      const kept = [];
      for (const point of list) {
        while (kept.length > 1 && turn(kept.at(-2), kept.at(-1), point) <= 0) kept.pop();
        kept.push(point);
      }
      return kept.slice(0, -1);
    };
    return [...chain(distinct), ...chain([...distinct].reverse())];
  }

  function edges(corners) {
    if (corners.length < 3) return [[corners[0], corners.at(-1)]];
    return corners.map((corner, i) => [corner, corners[(i + 1) % corners.length]]);
  }
  const inside = (point, corners) => corners.length > 2 && edges(corners).every(([a, b]) => turn(a, b, point) >= 0);

  /** The point in which two segments cross, or null. */
  function crossing([a, b], [c, d]) {
    const [u, v] = [turn(c, d, a), turn(c, d, b)];
    const [s, t] = [turn(a, b, c), turn(a, b, d)];
    return u * v < 0 && s * t < 0 ? along(a, b, u / (u - v)) : null;
  }

  /** The point of a segment that is nearest in total variation: an end, or where some coordinate agrees. */
  function nearestOn(point, [a, b]) {
    const shares = [0, 1];
    a.forEach((_, i) => {
      const share = (point[i] - a[i]) / (b[i] - a[i]);
      if (share > 0 && share < 1) shares.push(share);
    });
    const candidates = shares.map((share) => along(a, b, share));
    return candidates.reduce((best, p) => (variation(point, p) < variation(point, best) ? p : best));
  }

  /** The total-variation distance of two hulls, given by their corners, and points at that distance.
   *
   * `points` are of the first and of the second hull; they are the same where the hulls meet.
   */
  function distance(first, second) {
    const common = [
      ...first.filter((point) => inside(point, second)),
      ...second.filter((point) => inside(point, first)),
      ...edges(first).flatMap((edge) => edges(second).map((other) => crossing(edge, other))),
    ].filter((point) => point !== null);
    if (common.length > 0) {
      const middle = mean(common);
      return { distance: 0, meet: true, points: [middle, middle] };
    }
    let best = { distance: Infinity };
    const pairs = (corners, others, order) => {
      for (const corner of corners) {
        for (const edge of edges(others)) {
          const near = nearestOn(corner, edge);
          const apart = variation(corner, near);
          if (apart < best.distance) best = { distance: apart, points: order(corner, near) };
        }
      }
    };
    pairs(first, second, (corner, near) => [corner, near]);
    pairs(second, first, (corner, near) => [near, corner]);
    return { ...best, meet: best.distance < TOUCH };
  }

  // --- lines in a simplex ---

  /** The two points in which normalᵀp = 0 meets the edges of a triangle of the simplex; fewer where it misses it. */
  function zeroLine(normal, corners) {
    const corner = (h) => normal.map((_, i) => Number(i === h));
    const ends = corners.filter((h) => normal[h] === 0).map(corner);
    corners.forEach((h, i) =>
      corners.slice(i + 1).forEach((k) => {
        if (normal[h] * normal[k] < 0) ends.push(along(corner(h), corner(k), normal[h] / (normal[h] - normal[k])));
      }),
    );
    return ends.slice(0, 2);
  }

  /** All distributions p + t·direction, as the two ends of a segment. */
  function fibre(p, direction) {
    const reach = (sign) =>
      Math.min(...p.map((value, i) => (sign * direction[i] < -SMALL ? value / Math.abs(direction[i]) : Infinity)));
    return [-1, 1].map((sign) => p.map((value, i) => value + sign * reach(sign) * direction[i]));
  }

  /** Lines along a direction in the triangle of three corners of the simplex, evenly spaced. */
  function linesAlong(direction, corners, count = 9) {
    const [a, b, c] = corners.map((h) => direction[h]);
    const normal = direction.map(() => 0);
    [b - c, c - a, a - b].forEach((value, k) => (normal[corners[k]] = value));
    const levels = corners.map((h) => normal[h]);
    const [low, high] = [Math.min(...levels), Math.max(...levels)];
    return Array.from({ length: count }, (_, k) => low + ((k + 1) / (count + 1)) * (high - low))
      .map((level) => zeroLine(normal.map((value) => value - level), corners))
      .filter((ends) => ends.length === 2);
  }

  // --- texts ---

  /** All texts of 0 to `longest` tokens, with L(x)_h = P[x | H_0 = h]; longer ones come later. */
  function everyText(machine, longest) {
    const { transition, emission } = machine;
    let level = [{ tokens: [], likelihood: transition.map(() => 1) }];
    const all = [...level];
    for (let n = 0; n < longest; n++) {
      level = emission[0].flatMap((_, z) =>
        level.map(({ tokens, likelihood }) => ({
          tokens: [z, ...tokens],
          likelihood: transition.map((row) => dot(row, likelihood.map((value, h) => value * emission[h][z]))),
        })),
      );
      all.push(...level);
    }
    return all;
  }

  /** P[H_0 | x] for a distribution of H_0; null where it makes the text impossible. */
  function posterior(prior, likelihood) {
    const joint = prior.map((p, h) => p * likelihood[h]);
    const total = joint.reduce((a, b) => a + b, 0);
    return total > 0 ? joint.map((p) => p / total) : null;
  }

  // --- lost directions ---

  const without = (vector, basis) =>
    basis.reduce((rest, unit) => {
      const share = dot(rest, unit);
      return rest.map((value, i) => value - share * unit[i]);
    }, vector);

  /** An orthonormal basis of the span of some vectors: always the one that the others explain least comes next. */
  function span(vectors, limit) {
    const basis = [];
    while (basis.length < vectors[0].length) {
      // Twice, so that rounding does not bring back what was taken away.
      const rests = vectors.map((vector) => without(without(vector, basis), basis));
      const most = rests.reduce((best, rest) => (dot(rest, rest) > dot(best, best) ? rest : best));
      const size = Math.sqrt(dot(most, most));
      if (!(size > limit)) break;
      basis.push(most.map((value) => value / size));
    }
    return basis;
  }

  /** An orthonormal basis of the span of the posteriors of all texts, for a distribution of H_0. */
  function posteriorSpan(machine, prior) {
    // Texts of H − 1 tokens span what texts of any length span.
    const texts = everyText(machine, machine.initial.length - 1);
    const posteriors = texts.map(({ likelihood }) => posterior(prior, likelihood)).filter((p) => p !== null);
    return span(posteriors, SMALL);
  }

  /** W times each vector of a basis, as [token][vector]. */
  const through = (machine, basis) =>
    machine.emission[0].map((_, z) => basis.map((unit) => dot(unit, machine.emission.map((row) => row[z]))));

  /** Directions v in a span of posteriors with Wv = 0: an orthonormal basis of them. */
  function lostDirections(machine, basis) {
    const seen = span(through(machine, basis), SMALL);
    const units = basis.map((_, i) => basis.map((_, j) => Number(i === j)));
    const rests = units.map((unit) => without(unit, seen));
    const hidden = span(rests, 0.1 / basis.length).slice(0, basis.length - seen.length);
    return hidden.map((shares) => machine.initial.map((_, h) => dot(shares, basis.map((unit) => unit[h]))));
  }

  /** The head b with bᵀWq = normalᵀq for every posterior q in a span, or the one that comes nearest. */
  function headOn(machine, basis, normal) {
    const { inverse } = M.analyse(through(machine, basis));
    const target = basis.map((unit) => dot(unit, normal));
    const weights = machine.emission[0].map((_, z) => target.reduce((sum, value, k) => sum + value * inverse[k][z], 0));
    const reached = basis.map((unit) => dot(weights, through(machine, [unit]).flat()));
    const residual = Math.hypot(...minus(reached, target));
    return { weights, exact: residual <= 1e-8 * Math.max(1, Math.hypot(...target)) };
  }

  // --- everything that is drawn ---

  /** What the triangles show: texts, posteriors, token distributions, hulls, head and lost directions.
   *
   * options: mu; longest (number of tokens); prompt (a vector u, or null). Each text has `posterior` and `margin`
   * without the prompt, `label` (1, 0, or null where the margin is zero), and with it `inside` P[H_0 | u, x] and
   * `shown`, the token distribution at the blank; these are null where the text cannot follow the prompt.
   */
  function read(machine, { mu, longest, prompt = null }) {
    const prior = prompt ? M.promptedPrior(machine, prompt) : machine.initial;
    if (prior === null) throw new M.EmptyPrompt();
    const basis = posteriorSpan(machine, prior);
    // normalᵀP[H_0 | u, x] has the sign of the margin, unless the prompt excludes a state that μ weighs.
    const normal = machine.initial.map((p, h) => (prior[h] > 0 ? (mu[h] * p) / prior[h] : 0));
    const excluded = prior.findIndex((p, h) => p === 0 && mu[h] * machine.initial[h] !== 0);
    const head = headOn(machine, basis, normal);
    head.exact &&= excluded < 0;
    const texts = everyText(machine, longest).flatMap(({ tokens, likelihood }) => {
      const plain = posterior(machine.initial, likelihood);
      if (plain === null) return [];
      const margin = dot(mu, plain);
      const label = Math.abs(margin) < UNDECIDED ? null : Number(margin > 0);
      const within = posterior(prior, likelihood);
      const shown = within && machine.emission[0].map((_, z) => dot(within, machine.emission.map((row) => row[z])));
      const value = shown && dot(head.weights, shown);
      return [{ tokens, posterior: plain, margin, label, inside: within, shown, value }];
    });
    const decided = texts.filter(({ label, shown }) => label !== null && shown);
    const shownOf = (wanted) => decided.filter(({ label }) => label === wanted).map(({ shown }) => shown);
    const hulls = [0, 1].map((label) => hull(shownOf(label)));
    return {
      texts,
      prior,
      head,
      hulls,
      apart: hulls.every((corners) => corners.length > 0) ? distance(...hulls) : null,
      decided: decided.length,
      wrong: decided.filter(({ label, value }) => label !== Number(value >= 0)).length,
      lost: lostDirections(machine, basis),
      normal,
      excluded,
    };
  }

  return { hull, distance, zeroLine, fibre, linesAlong, read };
})();
