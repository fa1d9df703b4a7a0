import { type Codec, numberOf, pair, textOf } from "./codec";
import { formatMatch, type Match, matchesOf } from "./match";
import type { Interval } from "./range";
import { type AttributeInput, attributeInputs } from "./traceSearch";

/** What `/logs` looks for. `severity` is the least severity number. */
export interface LogSearch {
  service?: string | undefined;
  text?: string | undefined;
  severity?: number | undefined;
  trace?: string | undefined;
  attributes: Match[];
}

export const logSearchCodec: Codec<LogSearch> = {
  decode(params) {
    const severity = numberOf(params, "severity");
    return {
      service: textOf(params, "service"),
      text: textOf(params, "text"),
      severity: severity !== undefined && severity >= 1 && severity <= 24 ? Math.floor(severity) : undefined,
      trace: textOf(params, "trace")?.toLowerCase(),
      attributes: matchesOf(params, "attr"),
    };
  },
  encode(search) {
    return [
      ...pair("service", search.service),
      ...pair("text", search.text),
      ...pair("severity", search.severity),
      ...pair("trace", search.trace),
      ...search.attributes.map((match) => ["attr", formatMatch(match)] as const),
    ];
  },
};

export interface LogQueryInput {
  range: Interval;
  service?: string;
  text?: string;
  minSeverity?: number;
  traceId?: string;
  attributes: AttributeInput[];
}

/** The API's LogQuery; what is not asked for is left out. */
export function logQueryInput(search: LogSearch, range: Interval): LogQueryInput {
  return {
    range,
    ...(search.service !== undefined && { service: search.service }),
    ...(search.text !== undefined && { text: search.text }),
    ...(search.severity !== undefined && { minSeverity: search.severity }),
    ...(search.trace !== undefined && { traceId: search.trace }),
    attributes: attributeInputs(search.attributes),
  };
}
