// A table of any number of rows: only those that can be seen are in the page.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Column } from "./columns";

const beyond = 12; // rows above and below what is seen

interface GridProps {
  label: string;
  columns: Column[];
  count: number;
  cellOf: (row: number, column: Column) => ComponentChildren;
  current: number; // the chosen row, or -1
  choose: (row: number) => void;
  open: (row: number) => void;
}

/** Grid shows rows; arrows move, Enter opens. */
export function Grid({ label, columns, count, cellOf, current, choose, open }: GridProps) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, row: 28 });
  useLayoutEffect(() => {
    const el = box.current!;
    const measure = () => {
      const row = parseFloat(getComputedStyle(el).getPropertyValue("--row")) || 28;
      setView((v) => ({ ...v, height: el.clientHeight, row }));
    };
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(el);
    return () => watcher.disconnect();
  }, []);
  const waiting = useRef(0);
  const scrolled = () => {
    if (waiting.current) return;
    waiting.current = requestAnimationFrame(() => {
      waiting.current = 0;
      const top = box.current?.scrollTop ?? 0;
      setView((v) => (Math.floor(v.top / v.row) === Math.floor(top / v.row) ? v : { ...v, top }));
    });
  };
  useEffect(() => () => cancelAnimationFrame(waiting.current), []);
  useEffect(() => {
    const el = box.current;
    if (!el || current < 0) return;
    const top = current * view.row;
    const room = el.clientHeight - view.row; // the head covers a row's height
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + view.row > el.scrollTop + room) el.scrollTop = top + view.row - room;
  }, [current]);
  const moved = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(view.height / view.row) - 2);
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: count - 1 }[event.key];
    if (to !== undefined && count > 0) choose(Math.max(0, Math.min(count - 1, to)));
    else if (event.key === "Enter" && current >= 0) open(current);
    else return;
    event.preventDefault();
  };
  const first = Math.max(0, Math.floor(view.top / view.row) - beyond);
  const last = Math.min(count, Math.ceil((view.top + view.height) / view.row) + beyond);
  const template = columns.map((c, i) => (i === columns.length - 1 ? `minmax(${c.width + 2}ch, 1fr)` : `${c.width + 2}ch`)).join(" ");
  const rows = [];
  for (let i = first; i < last; i++) {
    rows.push(
      <div role="row" key={i} id={`row-${i}`} aria-rowindex={i + 2} aria-selected={i === current} class="grid-row" style={{ top: `${i * view.row}px` }}
        onClick={() => { choose(i); open(i); }}>
        {columns.map((c) => <div role="gridcell" class={c.number ? "number" : undefined}>{cellOf(i, c)}</div>)}
      </div>,
    );
  }
  return (
    <div ref={box} class="grid" role="grid" aria-label={label} tabIndex={0} aria-rowcount={count + 1} aria-colcount={columns.length}
      aria-activedescendant={current >= first && current < last ? `row-${current}` : undefined} style={{ "--columns": template }} onScroll={scrolled} onKeyDown={moved}>
      <div role="rowgroup" class="grid-head">
        <div role="row" aria-rowindex={1}>
          {columns.map((c) => <div role="columnheader" class={c.number ? "number" : undefined}>{c.title}</div>)}
        </div>
      </div>
      <div role="rowgroup" class="grid-body" style={{ height: `${count * view.row}px` }}>{rows}</div>
    </div>
  );
}
