import type { ReactNode } from "react";
import type { Trace } from "../api/types";
import { count, plural } from "../lib/number";
import { dateTime, duration, millisOf, preciseTime } from "../lib/time";
import { Copy } from "./Copy";
import { ServiceName } from "./ServiceName";
import { Header } from "./Shell";

/** A trace at a glance. */
export function TraceHead({ trace, colourOf }: { trace: Trace; colourOf: Map<string, number> }) {
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

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
