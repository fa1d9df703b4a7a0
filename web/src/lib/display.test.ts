import { describe, expect, it } from "vitest";
import { count, percent, plural, rate } from "./number";
import { COLOURS, colours } from "./palette";
import { linearTicks, logScale, timeTicks } from "./scale";
import { SEVERITIES, severityLabel, severityOf } from "./severity";
import { snippets } from "./snippets";

describe("numbers read well", () => {
  it.each([
    [0, "0/s"],
    [0.0001, "0.36/h"],
    [0.05, "3/min"],
    [1.234, "1.23/s"],
    [250.4, "250/s"],
    [12_345, "12.3k/s"],
    [3_200_000, "3.2M/s"],
  ])("rate(%d) is %s", (value, text) => expect(rate(value)).toBe(text));

  it.each([
    [0, "0%"],
    [0.00001, "<0.01%"],
    [0.0123, "1.23%"],
    [1, "100%"],
  ])("percent(%d) is %s", (value, text) => expect(percent(value)).toBe(text));

  it("counts", () => {
    expect([count(20_000), plural(1, "span"), plural(2, "span")]).toEqual(["20,000", "1 span", "2 spans"]);
  });
});

describe("colours", () => {
  it("differ as long as there are enough, and do not depend on the order", () => {
    const names = Array.from({ length: COLOURS }, (_, index) => `service-${index}`);
    const given = colours(names);
    expect(new Set(given.values()).size).toBe(COLOURS);
    expect(colours([...names].reverse())).toEqual(given);
  });

  it("are shared where there are more services than colours", () => {
    const given = colours(Array.from({ length: 100 }, (_, index) => `service-${index}`));
    expect(given.size).toBe(100);
    expect([...given.values()].every((colour) => colour >= 0 && colour < COLOURS)).toBe(true);
  });
});

describe("axes", () => {
  it("have round ticks", () => {
    expect(linearTicks(633, 5)).toEqual([0, 200, 400, 600]);
    expect(linearTicks(0.3, 3)).toEqual([0, 0.1, 0.2, 0.30000000000000004]);
    expect(linearTicks(0, 5)).toEqual([0]);
  });

  it("hold all values on a logarithmic scale, also a single one and zero", () => {
    const scale = logScale([3, 250], 0.001);
    expect(scale.ticks).toEqual([1, 10, 100, 1000]);
    expect([scale.at(1), scale.at(1000)]).toEqual([0, 1]);
    expect(logScale([0], 0.001).at(0)).toBe(0);
    expect(logScale([], 1).ticks).toEqual([]);
  });

  it("mark round times between two instants", () => {
    const start = Date.parse("2026-11-21T06:00:10Z");
    const ticks = timeTicks(start, start + 600_000, 5);
    expect(ticks[0]).toBe(Date.parse("2026-11-21T06:02:00Z"));
    expect((ticks[1] ?? 0) - (ticks[0] ?? 0)).toBe(120_000);
  });
});

it("severities have the names of OpenTelemetry's numbers", () => {
  expect([0, 1, 9, 13, 17, 21, 24, 99].map(severityOf)).toEqual([
    "none",
    "trace",
    "info",
    "warn",
    "error",
    "fatal",
    "fatal",
    "none",
  ]);
  expect(severityLabel(13, null)).toBe("WARN");
  expect(severityLabel(13, "Warning")).toBe("WARNING");
  expect(SEVERITIES.map(([least]) => least)).toEqual([1, 5, 9, 13, 17, 21]);
});

it("every snippet says the endpoint, and where a key goes if one is asked for", () => {
  for (const { label, steps } of snippets("http://otel.example:4317", true)) {
    const text = steps.map((step) => step[1]).join("\n");
    expect(text, label).toContain("otel.example:4317");
    expect(text, label).toContain("YOUR_KEY");
  }
  for (const { steps } of snippets("http://127.0.0.1:4317", false)) {
    expect(steps.map((step) => step[1]).join("\n")).not.toContain("YOUR_KEY");
  }
});
