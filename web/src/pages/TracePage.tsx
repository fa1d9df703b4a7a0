import { useCallback, useMemo } from "react";
import { TRACE } from "../api/documents";
import type { Span, Trace } from "../api/types";
import { useQuery } from "../api/useQuery";
import { Copy } from "../components/Copy";
import { Link } from "../components/Link";
import { LogList } from "../components/LogList";
import { Empty, ErrorNote, Progress } from "../components/Notes";
import { ServiceName } from "../components/ServiceName";
import { Header } from "../components/Shell";
import { SpanDetail } from "../components/SpanDetail";
import { Waterfall } from "../components/Waterfall";
import { count, plural } from "../lib/number";
import { colours } from "../lib/palette";
import { buildTree, type Node, visibleRows } from "../lib/spanTree";
import { dateTime, duration, millisOf, preciseTime } from "../lib/time";
import { type TraceView, traceViewCodec } from "../lib/traceView";
import { navigate, useLocation } from "../state/location";
import { useHref } from "../state/range";
import { useTitle } from "../state/title";

/** `/trace/<id>`. */
export function TracePage({ id }: { id: string }) {
  const { data, error, loading, reload } = useQuery(
    TRACE,
    useMemo(() => ({ id }), [id]),
  );
  const trace = data?.trace;
  useTitle(trace?.root ? trace.root.name : "Trace");
  return (
    <>
      <Progress on={loading} />
      {error && <ErrorNote error={error} retry={reload} />}
      {trace === null && <Unknown id={id} reload={reload} />}
      {trace && <Found trace={trace} />}
    </>
  );
}

function Unknown({ id, reload }: { id: string; reload: () => void }) {
  const to = useHref();
  return (
    <Empty title="This trace is not here">
      <p>
        <code>{id}</code>
      </p>
      <p>It may not have been stored yet, may have been sampled away, or is older than what is kept.</p>
      <p className="actions">
        <button type="button" className="button" onClick={reload}>
          Look again
        </button>
        <Link className="button" href={to("/explore")}>
          Search traces
        </Link>
      </p>
    </Empty>
  );
}

function Found({ trace }: { trace: Trace }) {
  const { path, params } = useLocation();
  const view = useMemo(() => traceViewCodec.decode(params), [params]);
  const to = useHref();
  const show = useCallback(
    (next: TraceView) => navigate(to(path, traceViewCodec.encode(next)), next.tab === view.tab),
    [path, to, view.tab],
  );
  const roots = useMemo(() => buildTree(trace.spans, trace.start), [trace]);
  const colourOf = useMemo(() => colours([...trace.spans, ...trace.logs].map((one) => one.service)), [trace]);
  const node = useMemo(() => find(roots, view.span), [roots, view.span]);
  return (
    <div className="trace">
      <TraceHead trace={trace} colourOf={colourOf} />
      <div className="tabs" role="tablist">
        <Tab label="Timeline" on={view.tab === "timeline"} open={() => show({ ...view, tab: "timeline" })} />
        <Tab
          label={`Logs (${count(trace.logs.length)})`}
          on={view.tab === "logs"}
          open={() => show({ tab: "logs" })}
        />
      </div>
      {view.tab === "logs" ? (
        <TraceLogs trace={trace} colourOf={colourOf} toSpan={(span) => show({ tab: "timeline", span })} />
      ) : (
        <div className="trace-body">
          <Waterfall
            trace={trace}
            roots={roots}
            colourOf={colourOf}
            selected={node?.key}
            select={(span) => show({ tab: "timeline", span })}
          />
          {node && (
            <SpanDetail
              key={node.key}
              node={node}
              logs={trace.logs.filter((log) => log.spanId === node.span.spanId)}
              colour={colourOf.get(node.span.service) ?? 0}
              close={() => show({ tab: "timeline" })}
            />
          )}
        </div>
      )}
    </div>
  );
}

const NONE: ReadonlySet<number> = new Set();

function find(roots: Node<Span>[], key: string | undefined): Node<Span> | undefined {
  return key === undefined ? undefined : visibleRows(roots, NONE).find((node) => node.key === key);
}

function TraceHead({ trace, colourOf }: { trace: Trace; colourOf: Map<string, number> }) {
  const { root, errorCount } = trace;
  return (
    <>
      <Header
        title={
          <>
            <span className="muted">{root?.service}</span> {root?.name ?? "Trace"}
          </>
        }
      >
        {root?.parentId && (
          <span className="tag" title="The first span whose parent has not been received stands here">
            root not received
          </span>
        )}
        <code className="trace-id">{trace.id}</code>
        <Copy text={trace.id} label="Copy trace id" />
      </Header>
      <dl className="facts">
        <Fact name="Duration">{duration(trace.durationMs)}</Fact>
        <Fact name="Start">
          <time dateTime={trace.start} title={preciseTime(trace.start)}>
            {dateTime(millisOf(trace.start))}
          </time>
        </Fact>
        <Fact name="Spans">{count(trace.spanCount)}</Fact>
        <Fact name="Errors">
          {errorCount > 0 ? <span className="tag tag-error">{count(errorCount)}</span> : "0"}
        </Fact>
        <Fact name={plural(trace.services.length, "service")}>
          <span className="legend">
            {trace.services.map((service) => (
              <ServiceName key={service} name={service} colour={colourOf.get(service) ?? 0} />
            ))}
          </span>
        </Fact>
      </dl>
      {trace.spanCount > trace.spans.length && (
        <p className="note">The first {count(trace.spans.length)} spans are shown.</p>
      )}
    </>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Tab({ label, on, open }: { label: string; on: boolean; open: () => void }) {
  return (
    <button type="button" role="tab" aria-selected={on} onClick={open}>
      {label}
    </button>
  );
}

interface TraceLogsProps {
  trace: Trace;
  colourOf: Map<string, number>;
  toSpan: (spanId: string) => void;
}

function TraceLogs({ trace, colourOf, toSpan }: TraceLogsProps) {
  if (trace.logs.length === 0) {
    return (
      <Empty title="No logs in this trace">
        <p>A log record belongs to a trace when it carries the trace's id, as SDKs with context do.</p>
      </Empty>
    );
  }
  return <LogList logs={trace.logs} colourOf={colourOf} toSpan={toSpan} />;
}
