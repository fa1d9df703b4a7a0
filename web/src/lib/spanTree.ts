/** A trace's spans as a forest in the order a waterfall shows them, whatever is missing or odd. */

import { nanosAfter } from "./time";

export interface SpanLike {
  spanId: string;
  parentId: string | null;
  start: string;
  durationNs: number;
  status: string;
}

export interface Node<S extends SpanLike> {
  span: S;
  /** Names the row in an address: the span's id, and its index where an earlier span has the same id. */
  key: string;
  /** Position in the list of spans; span ids may repeat (a client and a server that share one). */
  index: number;
  depth: number;
  children: Node<S>[];
  /** All spans below this one. */
  descendants: number;
  /** Of those below, how many failed. */
  errorsBelow: number;
  /** It names a parent that is not in the trace. */
  orphan: boolean;
  /** Nanoseconds from the trace's start. */
  offset: number;
}

/** `origin` is the trace's start. Children are ordered by start. Parents that form a ring are cut open. */
export function buildTree<S extends SpanLike>(spans: readonly S[], origin: string): Node<S>[] {
  const nodes = spans.map((span, index) => newNode(span, index, origin));
  const byId = new Map<string, Node<S>>();
  for (const node of nodes) {
    if (byId.has(node.span.spanId)) node.key += `:${node.index}`;
    else byId.set(node.span.spanId, node);
  }
  const parentOf = new Map(nodes.map((node) => [node, parent(node, byId)]));
  cutRings(nodes, parentOf);
  const roots: Node<S>[] = [];
  for (const node of nodes) {
    const above = parentOf.get(node);
    (above?.children ?? roots).push(node);
    node.orphan = !above && node.span.parentId !== null;
  }
  const byStart = (a: Node<S>, b: Node<S>) => a.offset - b.offset || a.index - b.index;
  roots.sort(byStart);
  settle(roots, byStart);
  return roots;
}

function newNode<S extends SpanLike>(span: S, index: number, origin: string): Node<S> {
  const offset = nanosAfter(origin, span.start);
  const empty = { depth: 0, children: [], descendants: 0, errorsBelow: 0, orphan: false };
  return { span, key: span.spanId, index, offset, ...empty };
}

function parent<S extends SpanLike>(node: Node<S>, byId: Map<string, Node<S>>): Node<S> | undefined {
  const first = byId.get(node.span.spanId);
  // The second bearer of a shared id goes below the first.
  if (first && first !== node) return first;
  return node.span.parentId === null ? undefined : byId.get(node.span.parentId);
}

/** Cuts each ring of parents at the span where the first walk up meets its own way. */
function cutRings<S extends SpanLike>(nodes: Node<S>[], parentOf: Map<Node<S>, Node<S> | undefined>): void {
  const walkOf = new Map<Node<S>, number>();
  for (const node of nodes) {
    let at: Node<S> | undefined = node;
    for (; at && !walkOf.has(at); at = parentOf.get(at)) walkOf.set(at, node.index);
    if (at && walkOf.get(at) === node.index) parentOf.set(at, undefined);
  }
}

/** Sorts children, sets depths downwards and counts upwards; without recursion, for traces thousands deep. */
function settle<S extends SpanLike>(roots: Node<S>[], order: (a: Node<S>, b: Node<S>) => number): void {
  const walk = [...roots];
  for (let at = 0; at < walk.length; at++) {
    const node = walk[at] as Node<S>;
    node.children.sort(order);
    for (const child of node.children) {
      child.depth = node.depth + 1;
      walk.push(child);
    }
  }
  for (const node of walk.reverse()) {
    for (const child of node.children) {
      node.descendants += 1 + child.descendants;
      node.errorsBelow += (child.span.status === "ERROR" ? 1 : 0) + child.errorsBelow;
    }
  }
}

/** The rows to show: depth first, without what lies below a collapsed span. */
export function visibleRows<S extends SpanLike>(
  roots: readonly Node<S>[],
  collapsed: ReadonlySet<number>,
): Node<S>[] {
  const rows: Node<S>[] = [];
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node; node = stack.pop()) {
    rows.push(node);
    if (!collapsed.has(node.index)) {
      for (let at = node.children.length - 1; at >= 0; at--) stack.push(node.children[at] as Node<S>);
    }
  }
  return rows;
}
