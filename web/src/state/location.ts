import { useMemo, useSyncExternalStore } from "react";

/** The browser's address is the only store of what a page shows. */

const MOVED = "otelhouse:moved";

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(MOVED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(MOVED, listener);
  };
}

const snapshot = () => window.location.pathname + window.location.search;

export interface Location {
  path: string;
  params: URLSearchParams;
}

export function useLocation(): Location {
  const address = useSyncExternalStore(subscribe, snapshot);
  return useMemo(() => {
    const url = new URL(address, window.location.origin);
    return { path: url.pathname, params: url.searchParams };
  }, [address]);
}

/** Goes to an address of ours; with `replace` without a step in the history. */
export function navigate(address: string, replace = false): void {
  if (address === snapshot()) return;
  const path = window.location.pathname;
  if (replace) window.history.replaceState(null, "", address);
  else window.history.pushState(null, "", address);
  if (window.location.pathname !== path) window.scrollTo(0, 0);
  window.dispatchEvent(new Event(MOVED));
}
