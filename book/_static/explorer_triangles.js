/* Drawings of the live geometry: the simplex of posteriors and the triangle of token distributions.
 *
 * None of them knows what is computed; each has a `node` and draws what it is given. One name, ExplorerTriangles.
 */
"use strict";

var ExplorerTriangles = (() => {
  const { el } = ExplorerWidgets;
  const SIDE = 250;
  const HEIGHT = (SIDE * Math.sqrt(3)) / 2;
  const LEFT = 35;
  const BOTTOM = 252;
  const CENTRE = [LEFT + SIDE / 2, 145];
  const TRIANGLE = [
    [LEFT, BOTTOM],
    [LEFT + SIDE, BOTTOM],
    [LEFT + SIDE / 2, BOTTOM - HEIGHT],
  ];

  function svg(tag, attributes = {}, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(name, value);
      else if (value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  /** Corners of the simplex over `count` things: a triangle, or a polygon that more dimensions are pressed into. */
  function cornersOf(count) {
    if (count === 3) return TRIANGLE;
    const first = (-90 - 180 / count) * (Math.PI / 180);
    return Array.from({ length: count }, (_, k) => {
      const angle = first + (2 * Math.PI * k) / count;
      return [CENTRE[0] + 118 * Math.cos(angle), CENTRE[1] - 118 * Math.sin(angle)];
    });
  }

  /** Where a distribution is drawn. */
  const placed = (p, corners) => [0, 1].map((axis) => p.reduce((sum, share, i) => sum + share * corners[i][axis], 0));

  const path = (points, closed = false) =>
    points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("") + (closed ? "Z" : "");
  const MARKS = {
    0: ([x, y]) => `M${x - 3} ${y - 3}h6v6h-6z`,
    1: ([x, y]) => `M${x} ${y - 4.2}l4.2 4.2l-4.2 4.2l-4.2 -4.2z`,
    none: ([x, y]) => `M${x - 2.6} ${y}a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0 -5.2 0z`,
  };

  /** A simplex to draw in. Layers come in the order in which they are first named. */
  function simplex({ label, names, onPick }) {
    const corners = cornersOf(names.length);
    const layers = {};
    const layer = (name) => {
      if (!layers[name]) node.insertBefore((layers[name] = svg("g", { class: `ex-layer-${name}` })), top);
      return layers[name];
    };
    const top = svg("g", { class: "ex-layer-handles" });
    const node = svg("svg", {
      viewBox: "0 0 320 285",
      class: "ex-simplex",
      role: "group",
      "aria-label": label,
      click: (event) => onPick(at(event)),
    }, top);

    /** The point of the drawing under the pointer. */
    function at(event) {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(node.getScreenCTM().inverse());
      return [point.x, point.y];
    }

    function frame(off) {
      const lines = corners.flatMap((corner, i) =>
        corners.slice(i + 1).map((other, k) =>
          svg("path", { d: path([corner, other]), class: `ex-edge${off[i] || off[i + 1 + k] ? " ex-off" : ""}` }),
        ),
      );
      const labels = corners.map(([x, y], i) => {
        const below = y > CENTRE[1];
        return svg("text", {
          x: x + (x > CENTRE[0] + 30 ? 8 : x < CENTRE[0] - 30 ? -8 : 0),
          y: below ? y + 20 : y - 9,
          "text-anchor": "middle",
          class: `ex-corner-name${off[i] ? " ex-off" : ""}`,
        }, names[i]);
      });
      layer("frame").replaceChildren(...lines, ...labels);
    }

    /** Polygons, lines and marks in layers of their own; each is a list of distributions. */
    const draw = {
      shape: (name, shapes) =>
        layer(name).replaceChildren(
          ...shapes
            .filter(({ points }) => points.length > 0)
            .map(({ points, kind = "", closed = true }) =>
              svg("path", { d: path(points.map((p) => placed(p, corners)), closed), class: kind }),
            ),
        ),
      marks: (name, texts) =>
        layer(name).replaceChildren(
          ...Object.entries(MARKS).map(([kind, mark]) =>
            svg("path", {
              d: texts
                .filter((text) => String(text.label ?? "none") === kind)
                .map(({ p }) => mark(placed(p, corners)))
                .join(""),
              class: `ex-mark ex-label-${kind}`,
            }),
          ),
        ),
      symbol: (name, symbol, p) => {
        const [x, y] = p ? placed(p, corners) : [0, 0];
        const text = svg("text", { x, y, "text-anchor": "middle", "dominant-baseline": "central" }, symbol);
        layer(name).replaceChildren(...(p ? [text] : []));
      },
      ring: (name, p) => {
        const [cx, cy] = p ? placed(p, corners) : [0, 0];
        layer(name).replaceChildren(...(p ? [svg("circle", { cx, cy, r: 8 })] : []));
      },
    };
    return { node, top, corners, at, frame, ...draw, place: (p) => placed(p, corners) };
  }

  /** The hundredths nearest to a point of the triangle, as whole numbers that sum to 100. */
  function hundredths(weights) {
    const positive = weights.map((value) => Math.max(0, value));
    const total = positive.reduce((a, b) => a + b, 0);
    const exact = positive.map((value) => (100 * value) / total);
    const found = exact.map(Math.floor);
    const order = exact.map((_, i) => i).sort((a, b) => exact[b] - found[b] - (exact[a] - found[a]));
    const missing = 100 - found.reduce((a, b) => a + b, 0);
    for (let k = 0; k < missing; k++) found[order[k]]++;
    return found;
  }

  /** Shares of the three corners of the triangle at a point of the drawing. */
  function sharesAt([x, y]) {
    const third = (BOTTOM - y) / HEIGHT;
    const second = (x - LEFT) / SIDE - third / 2;
    return [1 - second - third, second, third];
  }

  const KEYS = {
    ArrowRight: [-1, 1, 0],
    ArrowLeft: [1, -1, 0],
    ArrowUp: [-0.5, -0.5, 1],
    ArrowDown: [0.5, 0.5, -1],
  };

  /** A numbered point to drag over the triangle, by pointer or by arrow keys, in steps of a hundredth. */
  function handle(triangle, { number, name, tokens, onMove }) {
    let now = [];
    const move = (weights) => onMove(hundredths(weights).map((count) => count / 100));
    const node = svg(
      "g",
      {
        class: "ex-handle",
        role: "slider",
        tabindex: 0,
        "aria-label": name,
        "aria-valuemin": 0,
        "aria-valuemax": 1,
        pointerdown: (event) => {
          node.setPointerCapture(event.pointerId);
          event.preventDefault();
          node.focus();
        },
        pointermove: (event) => {
          if (node.hasPointerCapture(event.pointerId)) move(sharesAt(triangle.at(event)));
        },
        click: (event) => event.stopPropagation(),
        keydown: (event) => {
          const step = KEYS[event.key];
          if (!step) return;
          event.preventDefault();
          const far = event.shiftKey ? 0.1 : 0.02;
          const size = step[2] === 0 ? far / 2 : far;
          move(now.map((value, i) => value + size * step[i]));
        },
      },
      svg("circle", { r: 16, class: "ex-grip" }),
      svg("circle", { r: 9 }),
      svg("text", { "text-anchor": "middle", "dominant-baseline": "central" }, String(number)),
    );
    function update(column, off) {
      now = column;
      const [x, y] = triangle.place(column);
      node.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
      node.classList.toggle("ex-off", off);
      node.setAttribute("aria-valuenow", column[0].toFixed(2));
      node.setAttribute("aria-valuetext", tokens.map((token, z) => `${token} ${column[z].toFixed(2)}`).join(", "));
    }
    return { node, update };
  }

  /** A list of what the marks of a drawing mean. */
  const legend = (entries) =>
    el("ul", { class: "ex-legend", role: "list" }, ...entries.map(([symbol, text, kind]) =>
      el("li", {}, el("span", { class: `ex-symbol ${kind}`, "aria-hidden": "true", text: symbol }), text)));

  return { simplex, handle, legend, placed };
})();
