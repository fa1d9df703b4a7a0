import { useMemo } from "react";
import { LOGS } from "../api/documents";
import { usePages } from "../api/usePages";
import { LogForm } from "../components/LogForm";
import { LogList } from "../components/LogList";
import { Empty, ErrorNote, Progress } from "../components/Notes";
import { RangePicker } from "../components/RangePicker";
import { Header } from "../components/Shell";
import { href } from "../lib/codec";
import { logQueryInput, logSearchCodec } from "../lib/logSearch";
import { plural } from "../lib/number";
import { usePageState, useRange } from "../state/range";
import { useTitle } from "../state/title";

const PAGE = 100;

/** `/logs`: records that fulfil all conditions. */
export function LogsPage() {
  useTitle("Logs");
  const { interval } = useRange();
  const [search, change] = usePageState(logSearchCodec);
  const query = useMemo(() => logQueryInput(search, interval), [search, interval]);
  const pages = usePages(LOGS, "logs", query, PAGE);
  const logs = pages.items;
  return (
    <>
      <Progress on={pages.loading} />
      <Header title="Logs">
        <RangePicker />
      </Header>
      <LogForm key={href("", logSearchCodec.encode(search))} search={search} change={change} />
      {pages.error && <ErrorNote error={pages.error} retry={pages.reload} />}
      {logs?.length === 0 && (
        <Empty title="No log records match">
          <p>Widen the time range, or take a condition away.</p>
        </Empty>
      )}
      {logs && logs.length > 0 && (
        <>
          <LogList logs={logs} />
          <div className="more">
            <span className="muted">{plural(logs.length, "record")}, newest first</span>
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
