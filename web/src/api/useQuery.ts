import { useCallback, useEffect, useState } from "react";
import { ApiError, ask, type Document } from "./client";

export interface Result<Data> {
  /** The last whole answer; it stays while a newer one is on its way, so that nothing flickers. */
  data: Data | undefined;
  error: ApiError | undefined;
  loading: boolean;
  reload: () => void;
}

interface State<Data> {
  data?: Data;
  error?: ApiError;
  /** What the state answers. */
  asked?: string;
}

/** Asks whenever document or variables change; with `undefined` for variables it waits. */
export function useQuery<Data, Variables>(
  document: Document<Data, Variables>,
  variables: Variables | undefined,
): Result<Data> {
  const [state, setState] = useState<State<Data>>({});
  const [attempt, setAttempt] = useState(0);
  const question = variables === undefined ? undefined : JSON.stringify([document.text, variables, attempt]);

  useEffect(() => {
    if (question === undefined) return;
    const abort = new AbortController();
    const [, sent] = JSON.parse(question) as [string, Variables];
    ask(document, sent, abort.signal).then(
      (data) => setState({ data, asked: question }),
      (cause: unknown) => {
        if (abort.signal.aborted) return;
        setState((before) => ({ ...before, error: asApiError(cause), asked: question }));
      },
    );
    return () => abort.abort();
  }, [question, document]);

  const reload = useCallback(() => setAttempt((before) => before + 1), []);
  const loading = question !== undefined && state.asked !== question;
  return { data: state.data, error: loading ? undefined : state.error, loading, reload };
}

export function asApiError(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError("server", String(cause));
}
