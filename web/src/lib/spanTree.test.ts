import { describe, expect, it } from "vitest";
import { buildTree, visibleRows } from "./spanTree";

const ORIGIN = "2026-11-21T06:00:00Z";

function span(spanId: string, parentId: string | null, startNs = 0, status = "UNSET") {
  const start = `2026-11-21T06:00:00.${String(startNs).padStart(9, "0")}Z`;
  return { spanId, parentId, start, durationNs: 1, status };
}

type Tree = [string, ...Tree[]];

function shape(spans: ReturnType<typeof span>[]): Tree[] {
  const below = (nodes: ReturnType<typeof buildTree<ReturnType<typeof span>>>): Tree[] =>
    nodes.map((node) => [node.key, ...below(node.children)]);
  return below(buildTree(spans, ORIGIN));
}

describe("a trace's spans become a forest", () => {
  it("with children in the order of their start, whatever order they came in", () => {
    expect(shape([span("c", "a", 9), span("b", "a", 5), span("a", null, 1)])).toEqual([["a", ["b"], ["c"]]]);
  });

  it("where a span whose parent is missing stands as a root and says so", () => {
    const roots = buildTree([span("a", null), span("c", "lost", 3)], ORIGIN);
    expect(roots.map((node) => [node.key, node.orphan])).toEqual([
      ["a", false],
      ["c", true],
    ]);
  });

  it("where parents in a ring are cut open and no span is lost", () => {
    const roots = buildTree(
      [span("a", "c"), span("b", "a"), span("c", "b"), span("d", "c"), span("s", "s")],
      ORIGIN,
    );
    const rows = visibleRows(roots, new Set());
    expect(rows.map((node) => node.key).sort()).toEqual(["a", "b", "c", "d", "s"]);
  });

  it("where two spans share an id, as Zipkin's client and server do, the second below the first", () => {
    expect(shape([span("a", null, 0), span("a", null, 1), span("b", "a", 2)])).toEqual([
      ["a", ["a:1"], ["b"]],
    ]);
  });

  it("that counts what lies below, and what of it failed", () => {
    const spans = [
      span("a", null),
      span("b", "a", 1, "ERROR"),
      span("c", "b", 2, "ERROR"),
      span("d", "a", 3),
    ];
    const [root] = buildTree(spans, ORIGIN);
    expect([root?.descendants, root?.errorsBelow]).toEqual([3, 2]);
  });

  it("that may be 20,000 deep", () => {
    const spans = Array.from({ length: 20_000 }, (_, index) =>
      span(`s${index}`, index ? `s${index - 1}` : null, index),
    );
    const rows = visibleRows(buildTree(spans, ORIGIN), new Set());
    expect(rows.at(-1)?.depth).toBe(19_999);
  });
});

it("what lies below a collapsed span is not shown", () => {
  const roots = buildTree([span("a", null), span("b", "a", 1), span("c", "b", 2), span("d", "a", 3)], ORIGIN);
  const keys = (collapsed: number[]) => visibleRows(roots, new Set(collapsed)).map((node) => node.key);
  expect(keys([])).toEqual(["a", "b", "c", "d"]);
  expect(keys([1])).toEqual(["a", "b", "d"]);
  expect(keys([0])).toEqual(["a"]);
});
