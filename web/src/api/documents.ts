/** Every question the web asks. A test holds each against query/schema.graphql. */

import type { LogQueryInput } from "../lib/logSearch";
import type { Interval } from "../lib/range";
import type { TraceQueryInput } from "../lib/traceSearch";
import type { Document } from "./client";
import type {
  Connection,
  Endpoints,
  LogRecord,
  SamplingDecision,
  Service,
  Trace,
  TraceSummary,
} from "./types";

const LOG_FIELDS = "time severityNumber severityText body service traceId spanId attributes resource";

export const SERVICES: Document<{ services: Service[] }, { range: Interval }> = {
  text: `query Services($range: TimeRange) {
    services(range: $range) { name requestRate errorRate p50Ms p95Ms p99Ms }
  }`,
};

export const SERVICE_NAMES: Document<{ services: { name: string }[] }, { range: Interval }> = {
  text: "query ServiceNames($range: TimeRange) { services(range: $range) { name } }",
};

export interface PageVariables<Query> {
  query: Query;
  first: number;
  after?: string;
}

export const TRACES: Document<{ traces: Connection<TraceSummary> }, PageVariables<TraceQueryInput>> = {
  text: `query Traces($query: TraceQuery!, $first: Int!, $after: String) {
    traces(query: $query, first: $first, after: $after) {
      edges { cursor node { id start durationMs spanCount errorCount services root { name service status } } }
      pageInfo { hasNextPage endCursor }
    }
  }`,
};

export const TRACE: Document<{ trace: Trace | null }, { id: string }> = {
  text: `query Trace($id: ID!) {
    trace(id: $id) {
      id start durationMs spanCount errorCount services
      root { name service parentId }
      spans {
        spanId parentId name kind service start end durationNs status statusMessage adjustedCount
        attributes resource scope
        events { time name attributes }
        links { traceId spanId attributes }
      }
      logs { ${LOG_FIELDS} }
    }
  }`,
};

export const DECISION: Document<{ samplingDecision: SamplingDecision | null }, { id: string }> = {
  text: `query Decision($id: ID!) {
    samplingDecision(traceId: $id) { state policy reason early decidedAt ruleVersion }
  }`,
};

export const LOGS: Document<{ logs: Connection<LogRecord> }, PageVariables<LogQueryInput>> = {
  text: `query Logs($query: LogQuery!, $first: Int!, $after: String) {
    logs(query: $query, first: $first, after: $after) {
      edges { cursor node { ${LOG_FIELDS} } }
      pageInfo { hasNextPage endCursor }
    }
  }`,
};

export interface Arrivals {
  traces: Connection<{ id: string }>;
  logs: Connection<{ time: string }>;
  metricNames: string[];
}

/** Has anything of each signal arrived? */
export const ARRIVALS: Document<Arrivals, { range: Interval }> = {
  text: `query Arrivals($range: TimeRange!) {
    traces(query: { range: $range }, first: 1) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } }
    logs(query: { range: $range }, first: 1) { edges { cursor node { time } } pageInfo { hasNextPage endCursor } }
    metricNames
  }`,
};

export const ENDPOINTS: Document<{ endpoints: Endpoints }, Record<string, never>> = {
  text: "query Endpoints { endpoints { otlpGrpc otlpHttp } }",
};

export const TENANT: Document<{ tenant: string }, Record<string, never>> = {
  text: "query Tenant { tenant }",
};
