import { type Codec, numberOf, pair, textOf } from "./codec";
import { formatMatch, type Match, matchesOf, takesValue } from "./match";
import type { Interval } from "./range";

export type Status = "UNSET" | "OK" | "ERROR";

/** What `/explore` looks for. Durations in milliseconds. */
export interface TraceSearch {
  service?: string | undefined;
  operation?: string | undefined;
  status?: Status | undefined;
  min?: number | undefined;
  max?: number | undefined;
  attributes: Match[];
}

const STATUSES: readonly string[] = ["UNSET", "OK", "ERROR"];

export const traceSearchCodec: Codec<TraceSearch> = {
  decode(params) {
    const status = textOf(params, "status")?.toUpperCase();
    return {
      service: textOf(params, "service"),
      operation: textOf(params, "operation"),
      status: status && STATUSES.includes(status) ? (status as Status) : undefined,
      min: numberOf(params, "min"),
      max: numberOf(params, "max"),
      attributes: matchesOf(params, "attr"),
    };
  },
  encode(search) {
    return [
      ...pair("service", search.service),
      ...pair("operation", search.operation),
      ...pair("status", search.status?.toLowerCase()),
      ...pair("min", search.min),
      ...pair("max", search.max),
      ...search.attributes.map((match) => ["attr", formatMatch(match)] as const),
    ];
  },
};

export interface AttributeInput {
  key: string;
  op: Match["op"];
  value?: string;
}

export const attributeInputs = (matches: readonly Match[]): AttributeInput[] =>
  matches.map(({ key, op, value }) => (takesValue(op) ? { key, op, value } : { key, op }));

export interface TraceQueryInput {
  range: Interval;
  service?: string;
  operation?: string;
  status?: Status;
  minDurationMs?: number;
  maxDurationMs?: number;
  attributes: AttributeInput[];
}

/** The API's TraceQuery; what is not asked for is left out. */
export function traceQueryInput(search: TraceSearch, range: Interval): TraceQueryInput {
  return {
    range,
    ...(search.service !== undefined && { service: search.service }),
    ...(search.operation !== undefined && { operation: search.operation }),
    ...(search.status !== undefined && { status: search.status }),
    ...(search.min !== undefined && { minDurationMs: search.min }),
    ...(search.max !== undefined && { maxDurationMs: search.max }),
    attributes: attributeInputs(search.attributes),
  };
}
