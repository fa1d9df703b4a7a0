/** The one way to the server: POST /graphql, typed by the document. */

/** GraphQL text that knows what it answers and what it takes. */
export interface Document<Data, Variables> {
  readonly text: string;
  /** Only for the compiler: never set. */
  readonly types?: (variables: Variables) => Data;
}

export type ErrorKind = "network" | "unauthorized" | "server" | "query";

/** What went wrong, in words for the person in front of the page. */
export class ApiError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const KEY_NAME = "otelhouse-key";

/** The API key lives as long as the browser tab. */
export function keepKey(key: string): void {
  sessionStorage.setItem(KEY_NAME, key);
}

/** Sends text and variables as they are; the answer's body as JSON, whatever it says. */
export async function post(body: unknown, signal?: AbortSignal): Promise<unknown> {
  const key = sessionStorage.getItem(KEY_NAME);
  const answer = await reach("/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json",
      ...(key && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  if (answer.status === 401 || answer.status === 403) {
    throw new ApiError(
      "unauthorized",
      key ? "This API key is not accepted." : "This server asks for an API key.",
    );
  }
  try {
    return await answer.json();
  } catch {
    throw new ApiError("server", `The server answered ${answer.status} ${answer.statusText}`.trim());
  }
}

async function reach(address: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(address, request);
  } catch (cause) {
    if (request.signal?.aborted) throw cause;
    throw new ApiError("network", "The server cannot be reached.");
  }
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string }[];
}

/** Asks; throws ApiError where the answer is not whole. */
export async function ask<Data, Variables>(
  document: Document<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Data> {
  const answer = (await post({ query: document.text, variables }, signal)) as Answer<Data>;
  if (answer.errors?.length) {
    throw new ApiError("query", [...new Set(answer.errors.map((error) => error.message))].join("; "));
  }
  if (!answer.data) throw new ApiError("server", "The server's answer has no data.");
  return answer.data;
}
