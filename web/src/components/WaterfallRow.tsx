import type { LogRecord, Span } from "../api/types";
import { plural } from "../lib/number";
import { severityOf } from "../lib/severity";
import type { Node } from "../lib/spanTree";
import { duration, nanosAfter } from "../lib/time";
import { Icon } from "./Icon";

/** Deeper than this, names would leave their column; the level is still told to screen readers. */
const DEEPEST = 16;
const INDENT = 14;

interface Props {
  node: Node<Span>;
  /** Pixels from the top of all rows. */
  top: number;
  /** The trace's length in nanoseconds. */
  total: number;
  colour: number;
  logs: LogRecord[];
  origin: string;
  closed: boolean;
  selected: boolean;
  toggle: () => void;
  select: () => void;
}

/** A span: its place in the tree, and its bar in time with marks where events and logs happened. */
export function WaterfallRow(props: Props) {
  const { node, closed, selected } = props;
  const { span } = node;
  const failed = span.status === "ERROR";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the waterfall moves its selection with j, k and the arrows
    <div
      className={`row svc-${props.colour}${failed ? " failed" : ""}${selected ? " current" : ""}`}
      style={{ transform: `translateY(${props.top}px)` }}
      role="treeitem"
      tabIndex={-1}
      aria-level={node.depth + 1}
      aria-selected={selected}
      aria-expanded={node.children.length > 0 ? !closed : undefined}
      onClick={props.select}
    >
      <div className="row-name" style={{ paddingLeft: 6 + Math.min(node.depth, DEEPEST) * INDENT }}>
        <Caret {...props} />
        <span className="row-colour" />
        {failed && (
          <span className="row-error" title={span.statusMessage || "Error"}>
            <Icon name="alert" size={13} />
          </span>
        )}
        <span className="row-service">{span.service}</span>
        <span className="row-operation" title={`${span.service} ${span.name}`}>
          {span.name}
        </span>
        {node.orphan && (
          <span className="tag" title={`Its parent ${span.parentId} has not been received`}>
            parent missing
          </span>
        )}
      </div>
      <Bar {...props} />
    </div>
  );
}

function Caret({ node, closed, toggle }: Props) {
  if (node.children.length === 0) return <span className="caret" />;
  const below = plural(node.descendants, "span");
  return (
    <button
      type="button"
      className="caret"
      tabIndex={-1}
      aria-label={`${closed ? "Expand" : "Collapse"} ${below}`}
      onClick={(event) => {
        event.stopPropagation();
        toggle();
      }}
    >
      <Icon name={closed ? "chevron" : "down"} size={12} />
      {closed && <span className={node.errorsBelow > 0 ? "tag tag-error" : "tag"}>{node.descendants}</span>}
    </button>
  );
}

function Bar({ node, total, logs, origin }: Props) {
  const { span } = node;
  const share = (nanos: number) => `${Math.max(0, Math.min(1, nanos / total)) * 100}%`;
  const place = labelPlace(node.offset / total, (node.offset + span.durationNs) / total);
  return (
    <div className="row-time">
      <span className="row-bar" style={{ left: share(node.offset), width: share(span.durationNs) }} />
      {span.events.map((event, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: a span's events never change their order
          key={index}
          className="mark mark-event"
          title={event.name}
          style={{ left: share(nanosAfter(origin, event.time)) }}
        />
      ))}
      {logs.map((log, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: a trace's logs never change their order
          key={index}
          className={`mark mark-log sev-${severityOf(log.severityNumber)}`}
          title={typeof log.body === "string" ? log.body : JSON.stringify(log.body)}
          style={{ left: share(nanosAfter(origin, log.time)) }}
        />
      ))}
      <span className={`row-label ${place.where}`} style={place.style}>
        {duration(span.durationNs / 1e6)}
      </span>
    </div>
  );
}

/** The label stands after its bar, else before it, else inside: wherever a line has room for it. */
function labelPlace(start: number, end: number) {
  const percent = (share: number) => `calc(${share * 100}% + 6px)`;
  if (end < 0.88) return { where: "after", style: { left: percent(end) } };
  if (start > 0.12) return { where: "before", style: { right: percent(1 - start) } };
  return { where: "inside", style: { right: percent(1 - end) } };
}
