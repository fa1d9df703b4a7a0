import { useState } from "react";
import type { LogRecord } from "../api/types";
import { colours } from "../lib/palette";
import { severityLabel, severityOf } from "../lib/severity";
import { useKeys, useListKeys } from "../state/keys";
import { useHref } from "../state/range";
import { AttributeTable, valueText } from "./AttributeTable";
import { Copy } from "./Copy";
import { Icon } from "./Icon";
import { Link } from "./Link";
import { ServiceName } from "./ServiceName";
import { Time } from "./Time";

interface Props {
  logs: LogRecord[];
  /** Colours of the page that the list is part of, where it has some. */
  colourOf?: Map<string, number>;
  /** Within a trace there is no way to the trace, but one to the span. */
  toSpan?: ((spanId: string) => void) | undefined;
  /** Part of a narrow panel that names trace and service already, and where the keys mean something else. */
  compact?: boolean;
}

/** Log records, a line each, that open to all they say. */
export function LogList({
  logs,
  colourOf = colours(logs.map((log) => log.service)),
  toSpan,
  compact = false,
}: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (log: LogRecord) => {
    const next = new Set(open);
    if (!next.delete(nameOf(log))) next.add(nameOf(log));
    setOpen(next);
  };
  const current = useListKeys(compact ? 0 : logs.length, (index) => {
    const log = logs[index];
    if (log) toggle(log);
  });
  useKeys((key) => {
    if (compact || key !== "Escape" || open.size === 0) return false;
    setOpen(new Set());
    return true;
  });
  return (
    <ol className={compact ? "logs compact" : "logs"}>
      {logs.map((log, index) => (
        <li
          // biome-ignore lint/suspicious/noArrayIndexKey: two records may be the same in everything; the list only grows
          key={index}
          data-row={index}
          className={`log sev-${severityOf(log.severityNumber)}${index === current ? " current" : ""}`}
        >
          <button
            type="button"
            className="log-line"
            aria-expanded={open.has(nameOf(log))}
            onClick={() => toggle(log)}
          >
            <Time at={log.time} />
            <span className="sev">{severityLabel(log.severityNumber, log.severityText)}</span>
            {!compact && <ServiceName name={log.service} colour={colourOf.get(log.service) ?? 0} />}
            <span className="log-body">{bodyText(log)}</span>
          </button>
          {open.has(nameOf(log)) && <LogDetail log={log} compact={compact} toSpan={toSpan} />}
        </li>
      ))}
    </ol>
  );
}

/** Names a record across refreshes, so that an open one stays open. */
const nameOf = (log: LogRecord) => [log.time, log.service, log.spanId, bodyText(log)].join(" ");

const bodyText = (log: LogRecord) => (log.body === null ? "" : valueText(log.body));

function LogDetail({ log, compact, toSpan }: Pick<Props, "toSpan"> & { log: LogRecord; compact: boolean }) {
  const to = useHref();
  const { traceId, spanId } = log;
  return (
    <div className="log-detail">
      <div className="log-tools">
        {traceId && !toSpan && !compact && (
          <Link className="button" href={to(`/trace/${traceId}`, spanId ? [["span", spanId]] : [])}>
            <Icon name="traces" />
            Open trace
          </Link>
        )}
        {spanId && toSpan && (
          <button type="button" className="button" onClick={() => toSpan(spanId)}>
            <Icon name="traces" />
            Show span
          </button>
        )}
        <Copy wide text={bodyText(log)} label="Copy message" />
        <Copy wide text={JSON.stringify(log, null, 2)} label="Copy as JSON" />
      </div>
      <pre className="log-text">
        {typeof log.body === "string" ? log.body : JSON.stringify(log.body, null, 2)}
      </pre>
      <AttributeTable title="Attributes" attributes={log.attributes} />
      {!compact && <AttributeTable title="Resource" attributes={log.resource} />}
      {traceId && !compact && (
        <AttributeTable
          title="Trace"
          attributes={{ trace_id: traceId, ...(spanId && { span_id: spanId }) }}
        />
      )}
    </div>
  );
}
