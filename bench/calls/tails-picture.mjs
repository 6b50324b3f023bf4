// The figures of tails.mjs as a picture: one panel for each kind of service times, p99 over load, logarithmic.
const width = 320;
const height = 260;
const margin = { left: 48, right: 12, top: 34, bottom: 40 };
const colours = { ideal: "#888888", shoal: "#0b6e4f", piscina: "#c1440e", random: "#3a5a9b" };
const top = 500;
const bottom = 2;

export function picture(figures, systems) {
  const panels = figures.map((figure, n) => panel(figure, systems, n * width)).join("\n");
  const legend = systems
    .map(
      (system, n) =>
        `<g transform="translate(${margin.left + n * 150},${height + 8})"><line x1="0" x2="22" y1="0" y2="0" stroke="${colours[system]}" stroke-width="2.5"${system === "ideal" ? ' stroke-dasharray="4 3"' : ""}/><text x="28" y="4">${system === "ideal" ? "ideal central queue" : system}</text></g>`,
    )
    .join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${figures.length * width} ${height + 26}" font-family="system-ui, sans-serif" font-size="11" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
${panels}
${legend}
</svg>
`;
}

function panel({ service, points }, systems, left) {
  const x = (load) => left + margin.left + ((load - 0.5) / 0.45) * (width - margin.left - margin.right);
  const y = (ms) =>
    height -
    margin.bottom -
    (Math.log(ms / bottom) / Math.log(top / bottom)) * (height - margin.top - margin.bottom);
  const grid = [2, 5, 10, 20, 50, 100, 200, 500]
    .map(
      (ms) =>
        `<line x1="${x(0.5)}" x2="${x(0.95)}" y1="${y(ms).toFixed(1)}" y2="${y(ms).toFixed(1)}" stroke="${ms === 10 ? "#aaa" : "#eee"}"/><text x="${x(0.5) - 6}" y="${(y(ms) + 4).toFixed(1)}" text-anchor="end">${ms}</text>`,
    )
    .join("");
  const ticks = points
    .map(
      ({ load }) =>
        `<text x="${x(load).toFixed(1)}" y="${height - margin.bottom + 16}" text-anchor="middle">${Math.round(load * 100)}</text>`,
    )
    .join("");
  const lines = systems
    .map((system) => {
      const path = points
        .map((point) => `${x(point.load).toFixed(1)},${y(point[system]).toFixed(1)}`)
        .join(" ");
      return `<polyline fill="none" stroke="${colours[system]}" stroke-width="2.5" points="${path}"${system === "ideal" ? ' stroke-dasharray="4 3"' : ""}/>`;
    })
    .join("");
  return `<g>${grid}${ticks}${lines}<text x="${left + width / 2}" y="18" text-anchor="middle" font-size="13">${service} service times</text><text x="${left + width / 2}" y="${height - 8}" text-anchor="middle">load in % · p99 in ms</text></g>`;
}
