import type { Attributes, LogRecord, Span, SpanEvent, SpanLink } from "../api/types";
import { pair } from "../lib/codec";
import type { Node } from "../lib/spanTree";
import { duration, nanosAfter, preciseTime } from "../lib/time";
import { traceSearchCodec } from "../lib/traceSearch";
import { useHref } from "../state/range";
import { AttributeTable } from "./AttributeTable";
import { Copy } from "./Copy";
import { Icon } from "./Icon";
import { Link } from "./Link";
import { LogList } from "./LogList";
import { ServiceName } from "./ServiceName";

interface Props {
  node: Node<Span>;
  logs: LogRecord[];
  colour: number;
  close: () => void;
}

/** All that a span says, beside the waterfall. */
export function SpanDetail({ node, logs, colour, close }: Props) {
  const { span } = node;
  const to = useHref();
  const find = (key: string, value: string) =>
    to(
      "/explore",
      traceSearchCodec.encode({ service: span.service, attributes: [{ key, op: "EQ", value }] }),
    );
  return (
    <aside className="detail" aria-label={`Span ${span.name}`}>
      <header>
        <h2>{span.name}</h2>
        <Copy text={JSON.stringify(span, null, 2)} label="Copy span as JSON" />
        <button type="button" className="icon-button" aria-label="Close" title="Close (Esc)" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <p className="detail-line">
        <ServiceName name={span.service} colour={colour} />
        <span className="tag">{span.kind.toLowerCase()}</span>
        <span className={`tag tag-${span.status.toLowerCase()}`}>{span.status}</span>
      </p>
      {span.statusMessage && <p className={`message ${span.status.toLowerCase()}`}>{span.statusMessage}</p>}
      <Facts node={node} />
      <AttributeTable title="Attributes" attributes={span.attributes} find={find} />
      {logs.length > 0 && (
        <section className="attributes">
          <h3>Logs</h3>
          <LogList logs={logs} colourOf={new Map([[span.service, colour]])} compact />
        </section>
      )}
      <Events span={span} />
      <Links links={span.links} />
      <AttributeTable title="Resource" attributes={span.resource} find={find} />
      <AttributeTable title="Scope" attributes={flat(span.scope)} />
    </aside>
  );
}

/** A scope's name and version beside its attributes; what is empty is left out. */
function flat({ attributes, ...rest }: Attributes): Attributes {
  const named = Object.entries(rest).filter(([, value]) => value !== null && value !== "");
  const more =
    attributes !== null && typeof attributes === "object" && !Array.isArray(attributes) ? attributes : {};
  return { ...Object.fromEntries(named), ...more };
}

function Facts({ node: { span, offset, orphan } }: { node: Node<Span> }) {
  return (
    <dl className="detail-facts">
      <dt>Duration</dt>
      <dd>{duration(span.durationNs / 1e6)}</dd>
      <dt>Start</dt>
      <dd>
        <time dateTime={span.start} title={preciseTime(span.start)}>
          +{duration(offset / 1e6)}
        </time>
        <span className="muted"> {preciseTime(span.start)}</span>
      </dd>
      <dt>Span id</dt>
      <dd>
        <code>{span.spanId}</code> <Copy text={span.spanId} label="Copy span id" />
      </dd>
      {span.parentId && (
        <>
          <dt>Parent id</dt>
          <dd>
            <code>{span.parentId}</code> {orphan && <span className="tag">not received</span>}
          </dd>
        </>
      )}
      {span.adjustedCount !== 1 && (
        <>
          <dt>Stands for</dt>
          <dd>{span.adjustedCount} spans, by sampling</dd>
        </>
      )}
    </dl>
  );
}

function Events({ span }: { span: Span }) {
  const at = (event: SpanEvent) => `+${duration(nanosAfter(span.start, event.time) / 1e6)}`;
  return span.events.map((event, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a span's events never change their order
    <section className="event" key={index}>
      <h3>
        Event <strong>{event.name}</strong>
        <time dateTime={event.time} title={preciseTime(event.time)}>
          {at(event)}
        </time>
      </h3>
      <AttributeTable title="" attributes={event.attributes} />
    </section>
  ));
}

function Links({ links }: { links: SpanLink[] }) {
  const to = useHref();
  return links.map((link, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a span's links never change their order
    <section className="event" key={index}>
      <h3>
        Link to{" "}
        <Link href={to(`/trace/${link.traceId}`, pair("span", link.spanId ?? undefined))}>
          <code>{link.traceId}</code>
        </Link>
      </h3>
      <AttributeTable title="" attributes={link.attributes} />
    </section>
  ));
}
