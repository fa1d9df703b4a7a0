import type { Trace } from "../api/types";
import { logSearchCodec } from "../lib/logSearch";
import { count } from "../lib/number";
import { useHref } from "../state/range";
import { Link } from "./Link";
import { LogList } from "./LogList";
import { Empty } from "./Notes";

/** The API gives no more with a trace. */
const MOST_LOGS = 1000;

interface Props {
  trace: Trace;
  colourOf: Map<string, number>;
  toSpan: (spanId: string) => void;
}

/** The log records that name the trace, by time. */
export function TraceLogs({ trace, colourOf, toSpan }: Props) {
  const to = useHref();
  if (trace.logs.length === 0) {
    return (
      <Empty title="No logs in this trace">
        <p>A log record belongs to a trace when it carries the trace's id, as SDKs with context do.</p>
      </Empty>
    );
  }
  return (
    <>
      {trace.logs.length === MOST_LOGS && (
        <p className="note">
          <span>The first {count(MOST_LOGS)} records are shown.</span>
          <Link href={to("/logs", logSearchCodec.encode({ trace: trace.id, attributes: [] }))}>
            Search them all
          </Link>
        </p>
      )}
      <LogList logs={trace.logs} colourOf={colourOf} toSpan={toSpan} />
    </>
  );
}
