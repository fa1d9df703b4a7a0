import { preciseTime, shortTime } from "../lib/time";

/** A local time; to the nanosecond and with its zone when pointed at. */
export function Time({ at }: { at: string }) {
  return (
    <time className="time" dateTime={at} title={preciseTime(at)}>
      {shortTime(at, new Date())}
    </time>
  );
}
