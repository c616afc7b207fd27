// When the events of a result happened, as bars. To draw over a part is to ask for that part.
import "uplot/dist/uPlot.min.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { textOf } from "../lib/problem";
import { count } from "../lib/text";
import { tell } from "../lib/toasts";
import { moveTo, type Range } from "../model/range";
import { Result } from "../model/result";
import { barsOfEvents, barsOfGroups, clock, endOf, unitFor, units, type Bars, type Unit } from "./buckets";

const height = 100;
const most = 20_000; // bars; a screen has a tenth

/** Timeline draws a result that has ended. Events that are all here are counted here, others by the server. */
export default function Timeline({ result }: { result: Result }) {
  const own = units.find((u) => u === result.fields.value[0]);
  const whole = result.held.value >= result.made.value;
  if (own) return <Chart bars={barsOfGroups(result.rows, own)} zone="" />;
  return whole ? <Events result={result} /> : <Asked result={result} />;
}

function Events({ result }: { result: Result }) {
  const bars = useMemo(() => barsOfEvents(result.rows), [result]);
  return <Chart bars={bars} zone="Z" />;
}

// Asked counts by day, and then perhaps by what is better.
function Asked({ result }: { result: Result }) {
  const [unit, setUnit] = useState<Unit>("day");
  const tdql = `${result.canonical.value} | count by ${unit}`;
  const counted = useMemo(() => Result.ask(tdql, {}, { redo: false, room: most }), [tdql]);
  useEffect(() => () => { if (!counted.ended) counted.cancel(); }, [counted]);
  const ready = counted.state.value === "ready";
  const bars = useMemo(() => (ready ? barsOfGroups(counted.rows, unit) : null), [counted, ready]);
  useEffect(() => {
    if (unit !== "day" || !bars || bars.starts.length === 0) return;
    const better = unitFor(bars.starts[0]!, endOf(bars.starts.at(-1)!, unit));
    setUnit(better === "minute" ? "hour" : better);
  }, [bars]);
  if (counted.state.value === "failed") return null;
  return bars ? <Chart bars={bars} zone="" /> : <p class="soft">Counting by {unit}…</p>;
}

function Chart({ bars, zone }: { bars: Bars; zone: "" | "Z" }) {
  const box = useRef<HTMLDivElement>(null);
  const [theme, setTheme] = useState(0);
  const [tip, setTip] = useState("");
  const { unit, starts, counts } = bars;
  const drawn = starts.length > 1;
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setTheme((n) => n + 1);
    dark.addEventListener("change", changed);
    return () => dark.removeEventListener("change", changed);
  }, []);
  useEffect(() => {
    const el = box.current;
    if (!el || !drawn) return;
    const written = (ms: number) => (zone ? new Date(ms).toISOString().replace(".000", "") : clock(ms));
    const chosen = (first: number, last: number) => {
      const range: Range = { from: written(starts[first]!), to: written(endOf(starts[last]!, unit)) };
      moveTo(range).catch((err: unknown) => tell(textOf(err), "fault"));
    };
    const plot = new uPlot(options(el, bars, setTip, chosen), [starts.map((s) => s / 1000), counts], el);
    const watcher = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height }));
    watcher.observe(el);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [bars, theme]);
  if (!drawn) return <p class="soft">All in one {unit}.</p>;
  const total = counts.reduce((a, b) => a + b, 0);
  const words = `${count(total)} by ${unit}, from ${clock(starts[0]!)} to ${clock(endOf(starts.at(-1)!, unit))}. The menu “Time” chooses a range, too.`;
  return (
    <>
      <div ref={box} role="img" aria-label={words} />
      <p class="tip" aria-hidden="true">{tip || `by ${unit}; draw over a part to ask for it`}</p>
    </>
  );
}

function options(el: HTMLElement, { unit, starts, counts }: Bars, tip: (text: string) => void, chosen: (first: number, last: number) => void): uPlot.Options {
  const colour = (name: string) => getComputedStyle(el).getPropertyValue(name).trim();
  const axis = { stroke: colour("--soft"), ticks: { show: false }, font: "11px system-ui" };
  const barAt = (seconds: number) => {
    const next = starts.findIndex((s) => s > seconds * 1000);
    return Math.max(0, (next < 0 ? starts.length : next) - 1);
  };
  return {
    width: el.clientWidth,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    legend: { show: false },
    padding: [22, 12, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { range: () => [starts[0]! / 1000, endOf(starts.at(-1)!, unit) / 1000] }, y: { range: (_u, _min, max) => [0, Math.max(1, max)] } },
    axes: [
      { ...axis, size: 22, gap: 4, grid: { show: false }, values: (_u, ticks, _i, _space, step) => ticks.map((t) => tick(t, step)) },
      { ...axis, size: 48, gap: 4, space: 28, grid: { stroke: colour("--line"), width: 1 }, values: (_u, ticks) => ticks.map((t) => (Number.isInteger(t) ? short(t) : "")) },
    ],
    series: [{}, { fill: colour("--accent"), paths: uPlot.paths.bars!({ size: [0.86, 60], align: 1 }), points: { show: false } }],
    hooks: {
      setCursor: [(u) => {
        const left = u.cursor.left ?? -1;
        const i = barAt(u.posToVal(left, "x"));
        tip(left < 0 ? "" : `${clock(starts[i]!)}: ${count(counts[i]!)}`);
      }],
      setSelect: [(u) => {
        if (u.select.width < 4) return;
        chosen(barAt(u.posToVal(u.select.left, "x")), barAt(u.posToVal(u.select.left + u.select.width - 1, "x")));
      }],
    },
  };
}

// tick writes what differs between ticks that are so many seconds apart.
function tick(seconds: number, step: number): string {
  if (seconds % 60 !== 0) return "";
  const text = clock(seconds * 1000);
  if (step >= 360 * 86_400) return text.slice(0, 4);
  if (step >= 28 * 86_400) return text.slice(0, 7);
  return step >= 86_400 || text.slice(11, 16) === "00:00" ? text.slice(5, 10) : text.slice(11, 16);
}

function short(n: number): string {
  if (n >= 1e6) return `${n / 1e6}M`;
  return n >= 1000 ? `${n / 1000}k` : String(n);
}
