import { useEffect, useEffectEvent, useState } from "react";

const typesText = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Calls `handle` for keys that are pressed outside of fields; it says whether it took the key. */
export function useKeys(handle: (key: string) => boolean): void {
  const pressed = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typesText(event.target))
      return;
    if (handle(event.key)) event.preventDefault();
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => pressed(event);
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}

/** `/` goes to the page's search field (`data-search`); Escape leaves a field. */
export function useSearchKey(): void {
  useKeys((key) => {
    const field = key === "/" ? document.querySelector<HTMLElement>("[data-search]") : null;
    field?.focus();
    return field !== null;
  });
  useEffect(() => {
    const leave = (event: KeyboardEvent) => {
      if (event.key === "Escape" && typesText(event.target)) (event.target as HTMLElement).blur();
    };
    window.addEventListener("keydown", leave);
    return () => window.removeEventListener("keydown", leave);
  }, []);
}

/** j and k (and n of `length`) move a cursor over a list, Enter opens; the row bears `data-row`. */
export function useListKeys(length: number, open: (index: number) => void): number {
  const [at, setAt] = useState(-1);
  const current = Math.min(at, length - 1);
  useKeys((key) => {
    if (key === "Enter" && current >= 0 && document.activeElement === document.body) open(current);
    else if (key === "j" || key === "k") {
      const next = Math.max(0, Math.min(length - 1, current + (key === "j" ? 1 : -1)));
      setAt(next);
      document.querySelector(`[data-row="${next}"]`)?.scrollIntoView({ block: "nearest" });
    } else return false;
    return length > 0;
  });
  return current;
}
