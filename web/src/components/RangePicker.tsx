import { type FormEvent, useEffect, useRef, useState } from "react";
import { href } from "../lib/codec";
import { describe, PRESETS, type RangeState, REFRESHES, rangeCodec } from "../lib/range";
import { dateTime } from "../lib/time";
import { navigate, useLocation } from "../state/location";
import { useRange } from "../state/range";
import { Icon } from "./Icon";

const RANGE_NAMES = ["last", "start", "end", "refresh"];

/** The time range of all pages: presets, from and to, automatic refresh. */
export function RangePicker() {
  const { range, refresh, interval, refreshNow } = useRange();
  const { path, params } = useLocation();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useCloses(open, box, () => setOpen(false));

  const change = (state: RangeState) => {
    const others = [...params].filter(([name]) => !RANGE_NAMES.includes(name));
    navigate(href(path, [...others, ...rangeCodec.encode(state)]));
    refreshNow();
    setOpen(false);
  };
  const relative = "last" in range;
  return (
    <div className="range" ref={box}>
      <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="clock" />
        {describe(range)}
        {refresh > 0 && relative && <span className="badge">every {refresh} s</span>}
        <Icon name="down" size={12} />
      </button>
      {relative && (
        <button type="button" className="button" aria-label="Refresh" title="Refresh" onClick={refreshNow}>
          <Icon name="refresh" />
        </button>
      )}
      {open && (
        <div className="popover" role="dialog" aria-label="Time range">
          <div className="presets">
            {PRESETS.map(([last, label]) => (
              <button
                key={last}
                type="button"
                aria-pressed={relative && range.last === last}
                onClick={() => change({ range: { last }, refresh })}
              >
                {label}
              </button>
            ))}
          </div>
          <Custom
            start={interval.start}
            end={interval.end}
            choose={(next) => change({ range: next, refresh: 0 })}
          />
          {relative && (
            <label className="field">
              Refresh
              <select
                value={refresh}
                onChange={(event) => change({ range, refresh: Number(event.target.value) })}
              >
                {REFRESHES.map(([seconds, label]) => (
                  <option key={seconds} value={seconds}>
                    {label}
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
      )}
    </div>
  );
}

function Custom(props: {
  start: string;
  end: string;
  choose: (range: { start: string; end: string }) => void;
}) {
  const fieldValue = (text: string) => dateTime(Date.parse(text)).replace(" ", "T");
  const [start, setStart] = useState(fieldValue(props.start));
  const [end, setEnd] = useState(fieldValue(props.end));
  const [from, to] = [Date.parse(start), Date.parse(end)];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    props.choose({ start: new Date(from).toISOString(), end: new Date(to).toISOString() });
  };
  return (
    <form className="custom" onSubmit={submit}>
      <label className="field">
        From
        <input
          type="datetime-local"
          step={1}
          value={start}
          onChange={(event) => setStart(event.target.value)}
        />
      </label>
      <label className="field">
        To
        <input type="datetime-local" step={1} value={end} onChange={(event) => setEnd(event.target.value)} />
      </label>
      <button type="submit" className="button primary" disabled={!(from < to)}>
        Apply
      </button>
    </form>
  );
}

function useCloses(open: boolean, box: React.RefObject<HTMLElement | null>, close: () => void): void {
  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) close();
    };
    const leave = (event: KeyboardEvent) => event.key === "Escape" && close();
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", leave);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", leave);
    };
  }, [open, box, close]);
}
