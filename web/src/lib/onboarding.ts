import { type Codec, pair, textOf } from "./codec";

/** What `/start` shows: a language, and where telemetry is sent to. */
export interface Start {
  language: string;
  endpoint?: string | undefined;
}

const ENDPOINT = /^https?:\/\/[\w.:[\]-]+$/;

export const startCodec: Codec<Start> = {
  decode(params) {
    const endpoint = textOf(params, "endpoint");
    return {
      language: textOf(params, "language") ?? "python",
      endpoint: endpoint && ENDPOINT.test(endpoint) ? endpoint : undefined,
    };
  },
  encode({ language, endpoint }) {
    return [...pair("language", language === "python" ? undefined : language), ...pair("endpoint", endpoint)];
  },
};

/** The OTLP/gRPC endpoint beside a page's host, on its usual port. */
export const usualEndpoint = (hostname: string): string => `http://${hostname}:4317`;

/** Off this machine, ingest asks for a key. */
export const asksForKey = (endpoint: string): boolean =>
  !/^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|$)/.test(endpoint);
