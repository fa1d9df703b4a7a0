/** Times as the API gives them: RFC 3339 text with up to nanoseconds. A Date holds milliseconds only, so: BigInt. */

const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** Nanoseconds since 1970 of RFC 3339 text; undefined where it is none. */
export function parseNanos(text: string): bigint | undefined {
  const parts = RFC3339.exec(text);
  if (!parts) return undefined;
  const [, day, clock, fraction = "", zone = "Z"] = parts;
  const millis = Date.parse(`${day}T${clock}${zone.toUpperCase()}`);
  if (Number.isNaN(millis)) return undefined;
  return BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** Milliseconds since 1970, for axes and clocks. */
export function millisOf(text: string): number {
  const nanos = parseNanos(text);
  return nanos === undefined ? Number.NaN : Number(nanos / 1_000_000n);
}

/** How many nanoseconds `text` lies after `origin`; exact up to 104 days. */
export function nanosAfter(origin: string, text: string): number {
  const [from, to] = [parseNanos(origin), parseNanos(text)];
  return from === undefined || to === undefined ? 0 : Number(to - from);
}

const two = (value: number) => String(value).padStart(2, "0");

const day = (date: Date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

const clock = (date: Date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** Local time to the millisecond; the day is named where it is not that of `now`. */
export function shortTime(text: string, now: Date): string {
  const millis = millisOf(text);
  if (Number.isNaN(millis)) return text;
  const date = new Date(millis);
  const time = `${clock(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return day(date) === day(now) ? time : `${day(date).slice(5)} ${time}`;
}

/** Local date and time to the nanosecond with the offset of the zone, for tooltips. */
export function preciseTime(text: string): string {
  const nanos = parseNanos(text);
  if (nanos === undefined) return text;
  const date = new Date(Number(nanos / 1_000_000n));
  const fraction = String(((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n).padStart(9, "0");
  return `${day(date)} ${clock(date)}.${fraction} ${zoneOffset(date)}`;
}

/** Local date and time to the second. */
export function dateTime(millis: number): string {
  const date = new Date(millis);
  return `${day(date)} ${clock(date)}`;
}

function zoneOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const UNITS: readonly [name: string, millis: number][] = [
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
  ["ms", 1],
  ["µs", 1e-3],
];

/** A duration in milliseconds in its natural unit, three figures. */
export function duration(millis: number): string {
  if (!Number.isFinite(millis)) return "–";
  for (const [name, size] of UNITS) {
    // What rounds to a whole unit is one: 999.9 ms read 1 s.
    if (Math.abs(millis) >= size * 0.9995) return `${figures(millis / size)} ${name}`;
  }
  return millis === 0 ? "0 ms" : `${Math.round(millis * 1e6)} ns`;
}

function figures(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
