import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { type Codec, href, type Pair } from "../lib/codec";
import { type Interval, type RangeState, rangeCodec, resolve } from "../lib/range";
import { navigate, useLocation } from "./location";

interface RangeContext extends RangeState {
  /** The range as instants; it moves on with each refresh only. */
  interval: Interval;
  refreshNow: () => void;
}

const Context = createContext<RangeContext | undefined>(undefined);

/** Holds the instants that a relative range stands for, until someone or the clock refreshes. */
export function RangeProvider({ children }: { children: ReactNode }) {
  const { params } = useLocation();
  const encoded = JSON.stringify(rangeCodec.decode(params));
  const [now, setNow] = useState(() => Date.now());
  const refreshNow = useCallback(() => setNow(Date.now()), []);
  const value = useMemo(() => {
    const state = JSON.parse(encoded) as RangeState;
    return { ...state, interval: resolve(state.range, now), refreshNow };
  }, [encoded, now, refreshNow]);

  useEffect(() => {
    if (!value.refresh) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") refreshNow();
    }, value.refresh * 1000);
    return () => clearInterval(timer);
  }, [value.refresh, refreshNow]);

  return <Context value={value}>{children}</Context>;
}

export function useRange(): RangeContext {
  const value = useContext(Context);
  if (!value) throw new Error("useRange outside of RangeProvider");
  return value;
}

/** Addresses of our pages: the range goes along. */
export function useHref(): (path: string, pairs?: readonly Pair[]) => string {
  const { range, refresh } = useRange();
  return useCallback(
    (path, pairs = []) => href(path, [...pairs, ...rangeCodec.encode({ range, refresh })]),
    [range, refresh],
  );
}

/** A page's own state in its address, and how to change it: a step in the history, unless it replaces the last. */
export function usePageState<T>(codec: Codec<T>): [state: T, change: (state: T, replace?: boolean) => void] {
  const { path, params } = useLocation();
  const to = useHref();
  const state = useMemo(() => codec.decode(params), [codec, params]);
  const change = useCallback(
    (next: T, replace = false) => navigate(to(path, codec.encode(next)), replace),
    [codec, path, to],
  );
  return [state, change];
}
