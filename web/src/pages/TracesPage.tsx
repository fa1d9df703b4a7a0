import { useMemo } from "react";
import { TRACES } from "../api/documents";
import { usePages } from "../api/usePages";
import { Empty, ErrorNote, Progress } from "../components/Notes";
import { RangePicker } from "../components/RangePicker";
import { Scatter } from "../components/Scatter";
import { Header } from "../components/Shell";
import { TraceForm } from "../components/TraceForm";
import { TraceList } from "../components/TraceList";
import { href } from "../lib/codec";
import { plural } from "../lib/number";
import { traceQueryInput, traceSearchCodec } from "../lib/traceSearch";
import { navigate } from "../state/location";
import { usePageState, useRange } from "../state/range";
import { useTitle } from "../state/title";

const PAGE = 50;

/** `/explore`: traces that have a span which fulfils all conditions. */
export function TracesPage() {
  useTitle("Traces");
  const { interval } = useRange();
  const [search, change] = usePageState(traceSearchCodec);
  const query = useMemo(() => traceQueryInput(search, interval), [search, interval]);
  const pages = usePages(TRACES, "traces", query, PAGE);
  const traces = pages.items;
  return (
    <>
      <Progress on={pages.loading} />
      <Header title="Traces">
        <RangePicker />
      </Header>
      <TraceForm key={href("", traceSearchCodec.encode(search))} search={search} change={change} />
      {pages.error && <ErrorNote error={pages.error} retry={pages.reload} />}
      {traces?.length === 0 && (
        <Empty title="No traces match">
          <p>
            Widen the time range, or take a condition away. All conditions must hold on one and the same span.
          </p>
        </Empty>
      )}
      {traces && traces.length > 0 && (
        <>
          <Scatter traces={traces} interval={query.range} open={(id) => navigate(`/trace/${id}`)} />
          <TraceList traces={traces} />
          <div className="more">
            <span className="muted">{plural(traces.length, "trace")}, newest first</span>
            {pages.hasMore && (
              <button type="button" className="button" disabled={pages.loadingMore} onClick={pages.loadMore}>
                {pages.loadingMore ? "Loading…" : "Load more"}
              </button>
            )}
          </div>
        </>
      )}
    </>
  );
}
