import { useCallback, useMemo } from "react";
import { DECISION, TRACE } from "../api/documents";
import type { Span, Trace } from "../api/types";
import { useQuery } from "../api/useQuery";
import { Link } from "../components/Link";
import { Empty, ErrorNote, Progress } from "../components/Notes";
import { SpanDetail } from "../components/SpanDetail";
import { TraceHead } from "../components/TraceHead";
import { TraceLogs } from "../components/TraceLogs";
import { Waterfall } from "../components/Waterfall";
import { count } from "../lib/number";
import { colours } from "../lib/palette";
import { why } from "../lib/sampling";
import { buildTree, type Node, visibleRows } from "../lib/spanTree";
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
      <Why id={id} />
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

/** Why a trace is not here. */
function Why({ id }: { id: string }) {
  const { data, error, reload } = useQuery(
    DECISION,
    useMemo(() => ({ id }), [id]),
  );
  if (error) return <ErrorNote error={error} retry={reload} />;
  if (!data) return null;
  return <p>{why(data.samplingDecision)}</p>;
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

function Tab({ label, on, open }: { label: string; on: boolean; open: () => void }) {
  return (
    <button type="button" role="tab" aria-selected={on} onClick={open}>
      {label}
    </button>
  );
}
