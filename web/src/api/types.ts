/** What the documents in `documents.ts` answer, as query/schema.graphql says it. */

import type { Status } from "../lib/traceSearch";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Attributes = Record<string, Json>;

/** Public URLs of ingest; null where the server knows none. */
export interface Endpoints {
  otlpGrpc: string | null;
  otlpHttp: string | null;
}

export interface Service {
  name: string;
  /** Requests a second. */
  requestRate: number;
  /** A share of one. */
  errorRate: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

/** What tail sampling made of a trace, and why. */
export interface SamplingDecision {
  state: "KEPT" | "DROPPED" | "PENDING" | "UNSAMPLED";
  policy: string | null;
  reason: string;
  early: string | null;
  decidedAt: string | null;
  ruleVersion: number | null;
}

export interface TraceSummary {
  id: string;
  start: string;
  durationMs: number;
  spanCount: number;
  errorCount: number;
  services: string[];
  root: { name: string; service: string; status: Status } | null;
}

export interface SpanEvent {
  time: string;
  name: string;
  attributes: Attributes;
}

export interface SpanLink {
  traceId: string | null;
  spanId: string | null;
  attributes: Attributes;
}

export interface Span {
  spanId: string;
  parentId: string | null;
  name: string;
  kind: string;
  service: string;
  start: string;
  end: string;
  durationNs: number;
  status: Status;
  statusMessage: string | null;
  attributes: Attributes;
  resource: Attributes;
  scope: Attributes;
  events: SpanEvent[];
  links: SpanLink[];
  adjustedCount: number;
}

export interface LogRecord {
  time: string;
  severityNumber: number;
  severityText: string | null;
  body: Json;
  service: string;
  traceId: string | null;
  spanId: string | null;
  attributes: Attributes;
  resource: Attributes;
}

export interface Trace {
  id: string;
  start: string;
  durationMs: number;
  /** Of all spans; `spans` has the first 20,000. */
  spanCount: number;
  errorCount: number;
  services: string[];
  /** The span without a parent; else the first whose parent is not in the trace. */
  root: { name: string; service: string; parentId: string | null } | null;
  spans: Span[];
  /** The first 1,000. */
  logs: LogRecord[];
}

export interface Connection<T> {
  edges: { node: T; cursor: string }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}
