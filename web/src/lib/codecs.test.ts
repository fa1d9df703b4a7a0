import { describe, expect, it } from "vitest";
import { type Codec, href } from "./codec";
import { logQueryInput, logSearchCodec } from "./logSearch";
import { asksForKey, reached, startCodec } from "./onboarding";
import { describe as describeRange, rangeCodec, resolve } from "./range";
import { arrange, serviceTableCodec, sortBy } from "./serviceTable";
import { traceQueryInput, traceSearchCodec } from "./traceSearch";
import { traceIdOf, traceViewCodec } from "./traceView";

const ODD = ["a b", "ü=1&x#y", "100%", "%3D", "~", "=~", "<script>", "line\nbreak", "+", "?"];

function through<T>(codec: Codec<T>, state: T): T {
  return codec.decode(new URLSearchParams(href("", codec.encode(state)).slice(1)));
}

describe("what is encoded into an address is decoded from it", () => {
  it.each(ODD)("a trace search for %j", (odd) => {
    const state = {
      service: odd,
      operation: odd,
      status: "ERROR" as const,
      min: 1.5,
      max: 2000,
      attributes: [
        { key: odd, op: "EQ" as const, value: odd },
        { key: odd, op: "NOT_REGEX" as const, value: odd },
      ],
    };
    expect(through(traceSearchCodec, state)).toEqual(state);
  });

  it.each(ODD)("a log search for %j", (odd) => {
    const state = {
      service: odd,
      text: odd,
      severity: 13,
      trace: "ab".repeat(16),
      attributes: [{ key: odd, op: "NOT_EXISTS" as const, value: "" }],
    };
    expect(through(logSearchCodec, state)).toEqual(state);
  });

  it("ranges, relative and absolute", () => {
    const absolute = { start: "2026-11-21T06:00:00.000Z", end: "2026-11-21T07:00:00.000Z" };
    for (const range of [{ last: "1h" }, { last: "90m" }, { last: "30d" }, absolute]) {
      expect(through(rangeCodec, { range, refresh: 5 })).toEqual({ range, refresh: 5 });
    }
  });

  it("the table of services, a view of a trace, the first steps", () => {
    const table = { find: "car", column: "p99Ms" as const, descending: false };
    expect(through(serviceTableCodec, table)).toEqual(table);
    expect(through(traceViewCodec, { tab: "logs" as const, span: "ab:3" })).toEqual({
      tab: "logs",
      span: "ab:3",
    });
    const start = { language: "go", endpoint: "https://otel.example:4317" };
    expect(through(startCodec, start)).toEqual(start);
  });
});

describe("an address that someone wrote by hand", () => {
  const decode = <T>(codec: Codec<T>, query: string) => codec.decode(new URLSearchParams(query));

  it("falls back to defaults where it makes no sense", () => {
    expect(decode(rangeCodec, "last=soon&refresh=1").range).toEqual({ last: "1h" });
    expect(decode(rangeCodec, "start=2026-11-21T07:00:00Z&end=2026-11-21T06:00:00Z").range).toEqual({
      last: "1h",
    });
    expect(decode(traceSearchCodec, "status=bad&min=-1&max=x&attr=nothing&attr==v")).toEqual({
      attributes: [],
    });
    expect(decode(logSearchCodec, "severity=99")).toEqual({ attributes: [] });
    expect(decode(serviceTableCodec, "sort=-colour")).toEqual({ column: "requestRate", descending: true });
    expect(decode(startCodec, "endpoint=javascript:alert(1)")).toEqual({ language: "python" });
  });

  it("stays short and readable", () => {
    const search = {
      service: "cart",
      attributes: [{ key: "http.route", op: "EQ" as const, value: "/checkout" }],
    };
    expect(href("/explore", traceSearchCodec.encode(search))).toBe(
      "/explore?service=cart&attr=http.route=/checkout",
    );
    expect(href("/", serviceTableCodec.encode({ column: "requestRate", descending: true }))).toBe("/");
  });
});

describe("what the API is asked", () => {
  const range = { start: "a", end: "b" };

  it("has only what is asked for", () => {
    expect(traceQueryInput({ attributes: [] }, range)).toEqual({ range, attributes: [] });
    expect(logQueryInput({ attributes: [] }, range)).toEqual({ range, attributes: [] });
  });

  it("gives no value to a condition that takes none", () => {
    const attributes = [{ key: "k", op: "EXISTS" as const, value: "" }];
    expect(traceQueryInput({ min: 0, attributes }, range)).toEqual({
      range,
      minDurationMs: 0,
      attributes: [{ key: "k", op: "EXISTS" }],
    });
  });
});

it("a relative range ends a minute ahead, for clocks that run ahead", () => {
  const now = Date.parse("2026-11-21T06:00:00Z");
  expect(resolve({ last: "15m" }, now)).toEqual({
    start: "2026-11-21T05:45:00.000Z",
    end: "2026-11-21T06:01:00.000Z",
  });
  expect(describeRange({ last: "6h" })).toBe("Last 6 hours");
  expect(describeRange({ last: "90m" })).toBe("Last 90m");
});

it("services are found by a part of their name and sorted, equal ones by name", () => {
  const service = (name: string, p99Ms: number) => ({
    name,
    p99Ms,
    requestRate: 1,
    errorRate: 0,
    p50Ms: 0,
    p95Ms: 0,
  });
  const all = [service("cart", 1), service("Payment", 3), service("api", 3)];
  const names = (found: typeof all) => found.map((one) => one.name);
  expect(names(arrange(all, { column: "p99Ms", descending: true }))).toEqual(["Payment", "api", "cart"]);
  expect(names(arrange(all, { find: "PAY", column: "name", descending: false }))).toEqual(["Payment"]);
  expect(sortBy({ column: "p99Ms", descending: true }, "p99Ms").descending).toBe(false);
  expect(sortBy({ column: "p99Ms", descending: true }, "name").descending).toBe(false);
});

it("a trace id is 32 hexadecimal digits, in any case", () => {
  expect(traceIdOf(`/trace/${"AB".repeat(16)}`)).toBe("ab".repeat(16));
  expect(traceIdOf("/trace/12")).toBeUndefined();
});

it("only this machine's ingest takes telemetry without a key", () => {
  expect(asksForKey("http://127.0.0.1:4317")).toBe(false);
  expect(asksForKey("http://localhost")).toBe(false);
  expect(asksForKey("http://localhost.example:4317")).toBe(true);
});

it("ingest is reached where the server says, else at the usual ports beside the page", () => {
  expect(reached(undefined, "[::1]")).toEqual({ grpc: "http://[::1]:4317", http: "http://[::1]:4318" });
  const said = { otlpGrpc: "https://otel.example", otlpHttp: null };
  expect(reached(said, "here")).toEqual({ grpc: "https://otel.example", http: "http://here:4318" });
  const bound = { otlpGrpc: "http://0.0.0.0:14317", otlpHttp: "http://[::]:14318" };
  expect(reached(bound, "here")).toEqual({ grpc: "http://here:14317", http: "http://here:14318" });
});
