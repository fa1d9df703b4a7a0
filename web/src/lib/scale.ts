/** Positions and ticks of axes. */

/** Round steps from 0 to `max`, about `wanted` of them. */
export function linearTicks(max: number, wanted: number): number[] {
  if (!(max > 0)) return [0];
  const rough = max / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, index) => index * step);
}

/** Durations below a microsecond count as one, on logarithmic scales. */
export const LEAST_MS = 1e-3;

export interface LogScale {
  /** 0 at the least, 1 at the greatest. */
  at(value: number): number;
  ticks: number[];
}

/** A logarithmic scale over whole powers of ten that holds all values; values below `least` count as `least`. */
export function logScale(values: readonly number[], least: number): LogScale {
  const logs = values.map((value) => Math.log10(Math.max(value, least)));
  const low = Math.floor(logs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY));
  const high = Math.max(Math.ceil(logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)), low + 1);
  if (!Number.isFinite(low)) return { at: () => 0, ticks: [] };
  return {
    at: (value) => (Math.log10(Math.max(value, least)) - low) / (high - low),
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}

const TIME_STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
];

/** Instants (in milliseconds) on round local times between two, about `wanted` of them. */
export function timeTicks(start: number, end: number, wanted: number): number[] {
  const rough = (end - start) / wanted / 1000;
  const days = Math.ceil(rough / 86400) * 86400;
  const step = (TIME_STEPS_S.find((seconds) => seconds >= rough) ?? days) * 1000;
  const zone = new Date(start).getTimezoneOffset() * 60_000;
  const ticks: number[] = [];
  for (let at = Math.ceil((start - zone) / step) * step + zone; at <= end; at += step) ticks.push(at);
  return ticks;
}

/** A tick's label: the time of day, or the day where the ticks lie days apart. */
export function timeLabel(at: number, spanMs: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  if (spanMs > 3 * 86_400_000) return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return spanMs < 300_000 ? `${minutes}:${two(date.getSeconds())}` : minutes;
}
