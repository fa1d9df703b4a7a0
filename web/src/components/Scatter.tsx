import { useMemo, useState } from "react";
import type { TraceSummary } from "../api/types";
import { plural } from "../lib/number";
import type { Interval } from "../lib/range";
import { LEAST_MS, logScale, timeLabel, timeTicks } from "../lib/scale";
import { dateTime, duration, millisOf } from "../lib/time";
import { useWidth } from "../state/width";

const HEIGHT = 190;
const MARGIN = { top: 12, right: 16, bottom: 24, left: 62 };

interface Props {
  traces: TraceSummary[];
  interval: Interval;
  open: (id: string) => void;
}

interface Dot {
  trace: TraceSummary;
  at: number;
  x: number;
  y: number;
}

/** Duration (logarithmic) over time, a dot a trace. The list below says the same in words. */
export function Scatter({ traces, interval, open }: Props) {
  const [box, width] = useWidth<HTMLElement>();
  const [pointed, setPointed] = useState<Dot>();
  const plot = useMemo(() => layout(traces, interval, width), [traces, interval, width]);
  return (
    <figure className="scatter" ref={box}>
      <figcaption className="sr-only">{plural(traces.length, "trace")}: duration over time</figcaption>
      {width > 0 && (
        <svg width={width} height={HEIGHT} aria-hidden="true" onPointerLeave={() => setPointed(undefined)}>
          <Axes plot={plot} width={width} />
          {plot.dots.map((dot) => (
            // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut; the list below has the same as links
            <circle
              key={dot.trace.id}
              className={dot.trace.errorCount > 0 ? "dot-error" : "dot-ok"}
              cx={dot.x}
              cy={dot.y}
              r={pointed?.trace.id === dot.trace.id ? 6 : 4}
              onPointerEnter={() => setPointed(dot)}
              onClick={() => open(dot.trace.id)}
            />
          ))}
        </svg>
      )}
      {pointed && (
        <div
          className="tip"
          style={{ left: Math.min(pointed.x + 10, width - 250), top: Math.max(pointed.y - 64, 0) }}
        >
          <strong>{pointed.trace.root?.name ?? "root not received"}</strong>
          <span>{pointed.trace.root?.service}</span>
          <span>
            {duration(pointed.trace.durationMs)} · {dateTime(pointed.at)}
          </span>
        </div>
      )}
    </figure>
  );
}

interface Plot {
  dots: Dot[];
  times: { x: number; label: string }[];
  durations: { y: number; label: string }[];
}

/** Dots are placed between the first and the last of them where they fill little of the range. */
function layout(traces: TraceSummary[], interval: Interval, width: number): Plot {
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const starts = traces.map((trace) => millisOf(trace.start));
  const [from, to] = extentOf(starts, interval);
  const scale = logScale(
    traces.map((trace) => trace.durationMs),
    LEAST_MS,
  );
  const x = (at: number) => MARGIN.left + ((at - from) / (to - from)) * inner.width;
  const y = (millis: number) => MARGIN.top + (1 - scale.at(millis)) * inner.height;
  return {
    dots: traces.map((trace, index) => {
      const at = starts[index] ?? from;
      return { trace, at, x: x(at), y: y(trace.durationMs) };
    }),
    times: timeTicks(from, to, Math.max(2, Math.floor(inner.width / 120))).map((at) => ({
      x: x(at),
      label: timeLabel(at, to - from),
    })),
    durations: scale.ticks.map((millis) => ({ y: y(millis), label: duration(millis) })),
  };
}

function extentOf(starts: number[], interval: Interval): [from: number, to: number] {
  const [first, last] = [Math.min(...starts), Math.max(...starts)];
  const [from, to] = [millisOf(interval.start), millisOf(interval.end)];
  const room = Math.max((last - first) * 0.03, 500);
  if (last - first > (to - from) * 0.5) return [Math.min(from, first), Math.max(to, last)];
  return [first - room, last + room];
}

function Axes({ plot, width }: { plot: Plot; width: number }) {
  return (
    <g className="axes">
      {plot.durations.map(({ y, label }) => (
        <g key={label}>
          <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y} y2={y} />
          <text x={MARGIN.left - 8} y={y + 4} textAnchor="end">
            {label}
          </text>
        </g>
      ))}
      {plot.times.map(({ x, label }) => (
        <text key={x} x={x} y={HEIGHT - 6} textAnchor="middle">
          {label}
        </text>
      ))}
    </g>
  );
}
