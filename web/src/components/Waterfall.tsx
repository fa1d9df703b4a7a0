import { useEffect, useMemo, useRef, useState } from "react";
import type { LogRecord, Span, Trace } from "../api/types";
import { linearTicks } from "../lib/scale";
import { type Node, visibleRows } from "../lib/spanTree";
import { duration } from "../lib/time";
import { useKeys } from "../state/keys";
import { WaterfallRow } from "./WaterfallRow";

const ROW = 28;
/** Rows drawn beyond either edge, so that a quick scroll shows no gap. */
const SPARE = 12;

interface Props {
  trace: Trace;
  roots: Node<Span>[];
  colourOf: Map<string, number>;
  selected: string | undefined;
  select: (key: string | undefined) => void;
}

/** The trace's spans over time; only the rows in sight are in the page, so that length costs nothing. */
export function Waterfall({ trace, roots, colourOf, selected, select }: Props) {
  const [collapsed, setCollapsed] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo(() => visibleRows(roots, collapsed), [roots, collapsed]);
  const total = useMemo(() => lengthOf(roots), [roots]);
  const ticks = linearTicks(total / 1e6, 5).map((millis) => ({
    millis,
    left: `${((millis * 1e6) / total) * 100}%`,
  }));
  const logs = useMemo(() => logsBySpan(trace), [trace]);
  const box = useRef<HTMLDivElement>(null);
  const [from, to, follow] = useWindow(box, rows.length);
  const current = rows.findIndex((node) => node.key === selected);

  const toggle = (node: Node<Span>, closed = !collapsed.has(node.index)) => {
    if (node.children.length === 0) return;
    const next = new Set(collapsed);
    if (closed) next.add(node.index);
    else next.delete(node.index);
    setCollapsed(next);
  };
  const move = (step: number) => {
    const node = rows[Math.max(0, Math.min(rows.length - 1, current + step))];
    if (node) select(node.key);
  };
  useKeys((key) => {
    const node = rows[current];
    if (key === "j" || key === "ArrowDown") move(1);
    else if (key === "k" || key === "ArrowUp") move(-1);
    else if (key === "Escape" && selected) select(undefined);
    else if (node && (key === "h" || key === "ArrowLeft")) toggle(node, true);
    else if (node && (key === "l" || key === "ArrowRight")) toggle(node, false);
    else return false;
    return true;
  });
  useEffect(() => {
    if (current >= 0) reveal(box.current, current);
  }, [current]);

  const allClosed = () =>
    setCollapsed(new Set(rows.filter((node) => node.depth > 0).map((node) => node.index)));
  return (
    <div className="waterfall">
      <div className="ruler">
        <div className="ruler-tools">
          <span>Span</span>
          <button type="button" className="link" onClick={() => setCollapsed(new Set())}>
            Expand all
          </button>
          <button type="button" className="link" onClick={allClosed}>
            Collapse
          </button>
        </div>
        <div className="ruler-ticks">
          {ticks.map(({ millis, left }) => (
            <span key={millis} style={{ left }}>
              {(millis * 1e6) / total < 0.93 && duration(millis)}
            </span>
          ))}
        </div>
      </div>
      <div className="rows" ref={box} onScroll={follow} role="tree" tabIndex={0} aria-label="Spans">
        <div className="rows-all" style={{ height: rows.length * ROW }}>
          <div className="grid">
            {ticks.map(({ millis, left }) => (
              <span key={millis} style={{ left }} />
            ))}
          </div>
          {rows.slice(from, to).map((node, index) => (
            <WaterfallRow
              key={node.index}
              node={node}
              top={(from + index) * ROW}
              total={total}
              colour={colourOf.get(node.span.service) ?? 0}
              logs={logs.get(node.span.spanId) ?? NO_LOGS}
              origin={trace.start}
              closed={collapsed.has(node.index)}
              selected={node.key === selected}
              toggle={() => toggle(node)}
              select={() => select(node.key === selected ? undefined : node.key)}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

const NO_LOGS: LogRecord[] = [];

function logsBySpan(trace: Trace): Map<string, LogRecord[]> {
  const found = new Map<string, LogRecord[]>();
  for (const log of trace.logs) {
    if (!log.spanId) continue;
    const before = found.get(log.spanId);
    if (before) before.push(log);
    else found.set(log.spanId, [log]);
  }
  return found;
}

/** Nanoseconds from the trace's start to the last end. */
function lengthOf(roots: Node<Span>[]): number {
  return visibleRows(roots, new Set()).reduce(
    (most, { offset, span }) => Math.max(most, offset + span.durationNs),
    1,
  );
}

/** Which rows are in sight, and the listener that keeps it so. */
function useWindow(
  box: React.RefObject<HTMLDivElement | null>,
  length: number,
): [number, number, () => void] {
  const [seen, setSeen] = useState({ top: 0, height: 900 });
  const follow = () => {
    const element = box.current;
    if (element) setSeen({ top: element.scrollTop, height: element.clientHeight });
  };
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() =>
      setSeen({ top: element.scrollTop, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  const from = Math.max(0, Math.min(Math.floor(seen.top / ROW) - SPARE, length));
  return [from, Math.ceil((seen.top + seen.height) / ROW) + SPARE, follow];
}

function reveal(box: HTMLDivElement | null, row: number): void {
  if (!box) return;
  const top = row * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
}
