import { describe, expect, it } from "vitest";
import { duration, nanosAfter, parseNanos, preciseTime, shortTime } from "./time";

describe("parseNanos", () => {
  it.each([
    ["1970-01-01T00:00:00Z", 0n],
    ["1970-01-01T00:00:00.000000001Z", 1n],
    ["2026-11-21T06:00:00.123456789Z", 1795240800123456789n],
    ["2026-11-21T07:00:00.5+01:00", 1795240800500000000n],
    ["1969-12-31T23:59:59.999999999Z", -1n],
  ])("keeps every nanosecond of %s", (text, nanos) => {
    expect(parseNanos(text)).toBe(nanos);
  });

  it.each(["", "yesterday", "2026-11-21", "2026-13-41T00:00:00Z"])("knows that %j is no time", (text) => {
    expect(parseNanos(text)).toBeUndefined();
  });
});

it("nanosAfter is exact where a Date would round", () => {
  expect(nanosAfter("2026-11-21T06:00:00.000000001Z", "2026-11-21T06:00:00.000000003Z")).toBe(2);
});

it("shortTime names the day only where it is another one", () => {
  const at = new Date(2026, 10, 21, 9, 5, 7, 40);
  expect(shortTime(at.toISOString(), new Date(2026, 10, 21, 23))).toBe("09:05:07.040");
  expect(shortTime(at.toISOString(), new Date(2026, 10, 22, 1))).toBe("11-21 09:05:07.040");
  expect(shortTime("no time", at)).toBe("no time");
});

it("preciseTime shows nanoseconds and the zone", () => {
  expect(preciseTime("2026-11-21T06:00:00.123456789Z")).toMatch(/:00\.123456789 [+-]\d\d:\d\d$/);
});

it.each([
  [0, "0 ms"],
  [0.00025, "250 ns"],
  [0.0425, "42.5 µs"],
  [1, "1 ms"],
  [12.34, "12.3 ms"],
  [999, "999 ms"],
  [999.6, "1 s"],
  [59_990, "1 min"],
  [1500, "1.5 s"],
  [90_000, "1.5 min"],
  [5_400_000, "1.5 h"],
  [Number.NaN, "–"],
])("duration(%d) reads %s", (millis, text) => {
  expect(duration(millis)).toBe(text);
});
