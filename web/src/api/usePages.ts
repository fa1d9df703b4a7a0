import { useCallback, useEffect, useRef, useState } from "react";
import { type ApiError, ask, type Document } from "./client";
import type { PageVariables } from "./documents";
import type { Connection } from "./types";
import { asApiError, useQuery } from "./useQuery";

export interface Pages<T> {
  /** Undefined until the first page is there. */
  items: T[] | undefined;
  loading: boolean;
  error: ApiError | undefined;
  hasMore: boolean;
  loadingMore: boolean;
  reload: () => void;
  loadMore: () => void;
}

interface More<T> {
  /** The first page that these follow. */
  of?: Connection<T>;
  pages: Connection<T>[];
  loading: boolean;
  error?: ApiError;
}

/** A list by cursor: the first page follows the query, `loadMore` appends the next one. */
export function usePages<T, Query, Field extends string>(
  document: Document<Record<Field, Connection<T>>, PageVariables<Query>>,
  field: Field,
  query: Query | undefined,
  first: number,
): Pages<T> {
  const head = useQuery(document, query === undefined ? undefined : { query, first });
  const page = head.data?.[field];
  const [stored, setMore] = useState<More<T>>({ pages: [], loading: false });
  const more = stored.of === page ? stored : { pages: [], loading: false };
  const last = more.pages.at(-1) ?? page;
  const abort = useRef<AbortController | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a page that follows is of no use once its first one is gone
  useEffect(() => () => abort.current?.abort(), [page]);

  const loadMore = useCallback(() => {
    const after = last?.pageInfo.endCursor;
    if (!page || !after || query === undefined || more.loading) return;
    const before: More<T> = { of: page, pages: more.pages, loading: false };
    setMore({ ...before, loading: true });
    const controller = new AbortController();
    abort.current = controller;
    ask(document, { query, first, after }, controller.signal).then(
      (answer) => setMore({ ...before, pages: [...before.pages, answer[field]] }),
      (cause: unknown) => {
        if (!controller.signal.aborted) setMore({ ...before, error: asApiError(cause) });
      },
    );
  }, [document, field, query, first, page, last, more]);

  return {
    items: page && [page, ...more.pages].flatMap((one) => one.edges.map((edge) => edge.node)),
    loading: head.loading,
    error: head.error ?? more.error,
    hasMore: last?.pageInfo.hasNextPage ?? false,
    loadingMore: more.loading,
    reload: head.reload,
    loadMore,
  };
}
