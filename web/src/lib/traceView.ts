import { type Codec, pair, textOf } from "./codec";

/** What of a trace is shown: which tab, and the span whose details are open (a row's key). */
export interface TraceView {
  tab: "timeline" | "logs";
  span?: string | undefined;
}

export const traceViewCodec: Codec<TraceView> = {
  decode(params) {
    return { tab: textOf(params, "tab") === "logs" ? "logs" : "timeline", span: textOf(params, "span") };
  },
  encode({ tab, span }) {
    return [...pair("tab", tab === "logs" ? tab : undefined), ...pair("span", span)];
  },
};

/** The trace id in a path `/trace/<id>`, lower-case; undefined where it is no trace id. */
export function traceIdOf(path: string): string | undefined {
  const id = /^\/trace\/([0-9a-fA-F]{32})\/?$/.exec(path)?.[1];
  return id?.toLowerCase();
}
