import type { Endpoints } from "../api/types";
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

const ANY_HOST = /^(https?:\/\/)(?:0\.0\.0\.0|\[::\])(?=[:/]|$)/;

/** Where ingest is reached: what the server says, else the usual ports beside the page's host. */
export function reached(said: Endpoints | undefined, hostname: string): { grpc: string; http: string } {
  const beside = (url: string) => url.replace(ANY_HOST, (_, scheme: string) => scheme + hostname);
  return {
    grpc: beside(said?.otlpGrpc ?? "http://0.0.0.0:4317"),
    http: beside(said?.otlpHttp ?? "http://0.0.0.0:4318"),
  };
}

/** Off this machine, ingest asks for a key. */
export const asksForKey = (endpoint: string): boolean =>
  !/^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|$)/.test(endpoint);
