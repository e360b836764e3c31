"use strict";
// Draws each figure.chart from its table with Chart.js; the table stays, folded, for everyone who prefers it.
{
  const HEIGHT_A_ROW_PX = 30, HEIGHT_OF_AXES_PX = 70;
  const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];
  const POINTS = ["circle", "rect", "triangle", "rectRot"];
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const language = document.documentElement.lang || "en";
  const formatted = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
  const charts = new Map(); // figure -> chart

  // The table as { kind, unit, columns, labels, series }, where series[i][j] is the figure of series i for label j.
  const read = (figure) => {
    const table = figure.querySelector("table");
    const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
    const columns = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
    return {
      kind: figure.dataset.chart,
      unit: figure.dataset.unit,
      range: figure.dataset.range,
      columns,
      labels: rows.map((row) => row[0]),
      series: columns.map((_, place) => rows.map((row) => number(row[place + 1]))),
    };
  };
  const number = (text) => {
    const found = Number.parseFloat(text.replaceAll(",", ""));
    return Number.isNaN(found) ? null : found;
  };

  const colours = (figure) => {
    const style = getComputedStyle(figure);
    const named = (name) => style.getPropertyValue(name).trim();
    return {
      series: [1, 2, 3, 4].map((place) => named(`--series-${place}`)),
      ink: named("--ink"), quiet: named("--quiet"), paper: named("--paper"), line: named("--line"),
      font: getComputedStyle(document.body).fontFamily,
    };
  };

  // Series differ in pattern too, so that nobody needs to tell their colours apart.
  const fill = (place, look) => {
    const colour = look.series[place % look.series.length];
    if (place % 4 === 0) return colour;
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = look.paper;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 2.5;
    if (place % 4 === 1) stroke(pen, [[-2, 10, 10, -2], [-2, 2, 2, -2], [6, 10, 10, 6]]);
    if (place % 4 === 2) for (const [x, y] of [[2, 2], [6, 6]]) dot(pen, x, y);
    if (place % 4 === 3) stroke(pen, [[0, 4, 8, 4]]);
    return pen.createPattern(tile, "repeat");
  };
  const stroke = (pen, lines) => {
    pen.beginPath();
    for (const [fromX, fromY, toX, toY] of lines) { pen.moveTo(fromX, fromY); pen.lineTo(toX, toY); }
    pen.stroke();
  };
  const dot = (pen, x, y) => {
    pen.beginPath();
    pen.arc(x, y, 1.6, 0, 2 * Math.PI);
    pen.fill();
  };

  const datasets = (data, look) => {
    if (data.kind === "interval") return intervals(data, look);
    return data.series.map((figures, place) => {
      const colour = look.series[place % look.series.length];
      const common = { label: data.columns[place], data: figures, borderColor: colour };
      if (data.kind !== "line") {
        return { ...common, backgroundColor: fill(place, look), borderWidth: 1, maxBarThickness: 48 };
      }
      const point = { pointStyle: POINTS[place % 4], pointRadius: 4, pointHoverRadius: 7 };
      return { ...common, ...point, backgroundColor: colour, borderWidth: 2, borderDash: DASHES[place % 4] };
    });
  };
  // A line from the low to the high end, and a point at the value.
  const intervals = (data, look) => {
    const [value, low, high] = data.series;
    const ends = data.labels.map((_, row) => (low[row] === null || high[row] === null ? null : [low[row], high[row]]));
    const colour = look.series[0];
    const point = { pointStyle: "circle", pointRadius: 5, pointHoverRadius: 8, showLine: false };
    return [
      { type: "line", label: data.columns[0], data: value, backgroundColor: colour, borderColor: look.paper, ...point },
      { type: "bar", label: data.columns[0], data: ends, backgroundColor: look.quiet, barThickness: 4 },
    ];
  };

  const said = (figure, data) => [formatted.format(figure), data.unit].join(" ").trim();
  const sentence = (data, series, row) => {
    const figure = data.series[series][row], name = data.columns[series];
    if (figure === null) return `${name}: –`;
    const ends = data.kind === "interval" ? [data.series[1][row], data.series[2][row]] : [null, null];
    if (ends.includes(null)) return `${name}: ${said(figure, data)}`;
    const [low, high] = ends.map((end) => formatted.format(end));
    return `${name}: ${said(figure, data)} (${data.range.replace("{low}", low).replace("{high}", high)})`;
  };

  const options = (data, look) => {
    const lying = data.kind === "interval", stacked = data.kind === "stacked";
    const grid = { color: (line) => (line.tick?.value === 0 ? look.quiet : look.line) }, ticks = { color: look.quiet };
    const precision = data.series.flat().every((figure) => figure === null || Number.isInteger(figure)) ? 0 : undefined;
    const values = { beginAtZero: data.kind !== "line", stacked, grid, ticks: { ...ticks, precision }, title: axisName(data.unit, look) };
    const labels = { stacked, grid: { display: false }, ticks: { ...ticks, autoSkip: !lying, maxRotation: 45 } };
    return {
      indexAxis: lying ? "y" : "x",
      scales: lying ? { x: values, y: { ...labels, type: "category" } } : { x: labels, y: values },
      responsive: true,
      maintainAspectRatio: false,
      animation: still.matches ? false : { duration: 250 },
      locale: language,
      interaction: { mode: "index", intersect: false, axis: lying ? "y" : "x" },
      plugins: {
        legend: {
          display: data.kind !== "interval" && data.series.length > 1,
          labels: { color: look.ink, usePointStyle: data.kind === "line" },
          position: "bottom",
        },
        tooltip: {
          filter: (item) => !lying || item.datasetIndex === 0,
          displayColors: false,
          backgroundColor: look.ink,
          titleColor: look.paper,
          bodyColor: look.paper,
          caretPadding: 10,
          callbacks: { label: (item) => sentence(data, item.datasetIndex, item.dataIndex) },
        },
      },
      font: { family: look.font },
    };
  };
  const axisName = (unit, look) => ({ display: Boolean(unit), text: unit, color: look.quiet });

  // Arrow keys go from point to point: along the labels, and from series to series.
  const listen = (canvas, chart, data, value) => {
    const place = { series: 0, row: -1 };
    const rows = data.labels.length, series = data.kind === "interval" ? 1 : data.series.length;
    const bounded = (wanted, count) => Math.min(Math.max(wanted, 0), count - 1);
    const along = (step) => () => { place.row = bounded(place.row + step, rows); };
    const across = (step) => () => { place.series = (place.series + step + series) % series; };
    const lying = data.kind === "interval";
    const moves = {
      ArrowRight: along(1), ArrowLeft: along(-1),
      ArrowDown: lying ? along(1) : across(1), ArrowUp: lying ? along(-1) : across(-1),
      Home: () => { place.row = 0; }, End: () => { place.row = rows - 1; },
    };
    const show = () => {
      const active = chart.data.datasets.map((_, datasetIndex) => ({ datasetIndex, index: place.row }));
      const only = [active[place.series]];
      const { x, y } = chart.getDatasetMeta(place.series).data[place.row].getProps(["x", "y"], true);
      chart.setActiveElements(only);
      chart.tooltip.setActiveElements(only, { x, y });
      chart.update("none");
      value.textContent = `${data.labels[place.row]}. ${sentence(data, place.series, place.row)}`;
    };
    const leave = () => {
      chart.setActiveElements([]);
      chart.tooltip.setActiveElements([], { x: 0, y: 0 });
      chart.update("none");
      value.textContent = "";
    };
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { leave(); return; }
      if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      moves[event.key]();
      place.row = Math.max(place.row, 0);
      show();
    });
    canvas.addEventListener("blur", leave);
  };

  const draw = (figure) => {
    const data = read(figure);
    const shown = data.kind === "interval" ? data.series[0] : data.series.flat();
    if (charts.has(figure) || !shown.some((found) => found !== null)) return;
    const look = colours(figure);
    const drawing = document.createElement("div"), canvas = document.createElement("canvas");
    const value = document.createElement("p");
    drawing.className = "chart-drawing";
    if (data.kind === "interval") drawing.style.height = `${HEIGHT_OF_AXES_PX + HEIGHT_A_ROW_PX * data.labels.length}px`;
    value.className = "chart-value";
    value.setAttribute("role", "status");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", figure.dataset.role);
    canvas.setAttribute("aria-label", `${figure.querySelector("figcaption").textContent}. ${figure.dataset.help}`);
    drawing.append(canvas);
    figure.querySelector("figcaption").after(drawing, value);
    figure.querySelector("details").open = false;
    const type = data.kind === "line" ? "line" : "bar";
    const chart = new Chart(canvas, { type, data: { labels: data.labels, datasets: datasets(data, look) }, options: options(data, look) });
    charts.set(figure, chart);
    listen(canvas, chart, data, value);
  };
  const recolour = () => {
    for (const [figure, chart] of charts) {
      const data = read(figure), look = colours(figure);
      chart.data.datasets = datasets(data, look);
      chart.options = options(data, look);
      chart.update("none");
    }
  };
  const follow = () => {
    for (const [figure, chart] of charts) {
      if (!figure.isConnected) { chart.destroy(); charts.delete(figure); }
    }
    document.querySelectorAll("figure.chart").forEach(draw);
  };

  follow();
  new MutationObserver(follow).observe(document.getElementById("main"), { childList: true, subtree: true });
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-bs-theme", "data-theme"] });
}
