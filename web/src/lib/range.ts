import { type Codec, type Pair, textOf } from "./codec";
import { dateTime, parseNanos } from "./time";

/** The time that all pages look at: the last so much, or from one instant to another (RFC 3339). */
export type Range = { last: string } | { start: string; end: string };

export interface RangeState {
  range: Range;
  /** Seconds between automatic refreshes; 0 for none. */
  refresh: number;
}

export interface Interval {
  start: string;
  end: string;
}

export const PRESETS: readonly [last: string, label: string][] = [
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["6h", "Last 6 hours"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
];

export const REFRESHES: readonly [seconds: number, label: string][] = [
  [0, "Off"],
  [5, "5 s"],
  [15, "15 s"],
  [60, "1 min"],
];

const DEFAULT: Range = { last: "1h" };
const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
/** What is sent in these seconds may carry a clock that runs ahead of ours. */
const AHEAD_MS = 60_000;

function lengthMs(last: string): number | undefined {
  const parts = /^([1-9]\d{0,4})([mhd])$/.exec(last);
  const unit = UNIT_MS[parts?.[2] ?? ""];
  return parts && unit ? Number(parts[1]) * unit : undefined;
}

export const rangeCodec: Codec<RangeState> = {
  decode(params) {
    return { range: decodeRange(params), refresh: decodeRefresh(params) };
  },
  encode({ range, refresh }) {
    const pairs: Pair[] = [];
    if ("last" in range) {
      if (range.last !== DEFAULT.last) pairs.push(["last", range.last]);
    } else pairs.push(["start", range.start], ["end", range.end]);
    if (refresh) pairs.push(["refresh", String(refresh)]);
    return pairs;
  },
};

function decodeRange(params: URLSearchParams): Range {
  const last = textOf(params, "last");
  if (last && lengthMs(last) !== undefined) return { last };
  const [start, end] = [textOf(params, "start"), textOf(params, "end")];
  const [from, to] = [parseNanos(start ?? ""), parseNanos(end ?? "")];
  if (start && end && from !== undefined && to !== undefined && from < to) return { start, end };
  return DEFAULT;
}

function decodeRefresh(params: URLSearchParams): number {
  const seconds = Number(textOf(params, "refresh"));
  return REFRESHES.some(([known]) => known === seconds) ? seconds : 0;
}

/** The range as two instants, for the API; a relative one ends a little after `now` (in milliseconds). */
export function resolve(range: Range, now: number): Interval {
  if (!("last" in range)) return range;
  const length = lengthMs(range.last) ?? 0;
  return { start: new Date(now - length).toISOString(), end: new Date(now + AHEAD_MS).toISOString() };
}

/** The range as a person says it. */
export function describe(range: Range): string {
  if ("last" in range) {
    return PRESETS.find(([last]) => last === range.last)?.[1] ?? `Last ${range.last}`;
  }
  return `${dateTime(Date.parse(range.start))} – ${dateTime(Date.parse(range.end))}`;
}
