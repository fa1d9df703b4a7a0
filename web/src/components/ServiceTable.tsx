import type { Service } from "../api/types";
import { percent, rate } from "../lib/number";
import { colours } from "../lib/palette";
import { type ServiceColumn, type ServiceTable as State, sortBy } from "../lib/serviceTable";
import { duration } from "../lib/time";
import { traceSearchCodec } from "../lib/traceSearch";
import { useListKeys } from "../state/keys";
import { navigate } from "../state/location";
import { useHref } from "../state/range";
import { Link } from "./Link";
import { ServiceName } from "./ServiceName";

interface Column {
  column: ServiceColumn;
  label: string;
  hint?: string;
}

const COLUMNS: readonly Column[] = [
  { column: "name", label: "Service" },
  {
    column: "requestRate",
    label: "Requests",
    hint: "Spans by which work enters the service, after the sampling weight",
  },
  { column: "errorRate", label: "Errors", hint: "Share of these requests with status ERROR" },
  { column: "p50Ms", label: "p50", hint: "Half of the requests took no longer" },
  { column: "p95Ms", label: "p95", hint: "95 of 100 requests took no longer" },
  { column: "p99Ms", label: "p99", hint: "99 of 100 requests took no longer" },
];

interface Props {
  services: Service[];
  table: State;
  change: (table: State) => void;
}

/** Rate, errors and duration of each service; a row leads to the service's traces. */
export function ServiceTable({ services, table, change }: Props) {
  const to = useHref();
  const traces = (service: Service, more = {}) =>
    to("/explore", traceSearchCodec.encode({ service: service.name, attributes: [], ...more }));
  const current = useListKeys(services.length, (index) => {
    const service = services[index];
    if (service) navigate(traces(service));
  });
  const colourOf = colours(services.map((service) => service.name));
  const most = (column: "requestRate" | "p99Ms") =>
    Math.max(...services.map((service) => service[column]), 1e-9);
  const [mostRequests, longest] = [most("requestRate"), most("p99Ms")];
  return (
    <table className="list services">
      <thead>
        <tr>
          {COLUMNS.map(({ column, label, hint }) => (
            <th key={column} scope="col" aria-sort={sortOf(table, column)} title={hint}>
              <button type="button" onClick={() => change(sortBy(table, column))}>
                {label}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {services.map((service, index) => (
          <tr key={service.name} data-row={index} className={index === current ? "current" : undefined}>
            <th scope="row">
              <Link className="cover" href={traces(service)}>
                <ServiceName name={service.name} colour={colourOf.get(service.name) ?? 0} />
              </Link>
            </th>
            <td>
              <Bar share={service.requestRate / mostRequests} text={rate(service.requestRate)} />
            </td>
            <td>
              <Link className="over" href={traces(service, { status: "ERROR" })} title="Traces with errors">
                <Bar
                  share={service.errorRate}
                  text={percent(service.errorRate)}
                  tone={toneOf(service.errorRate)}
                />
              </Link>
            </td>
            <td>{duration(service.p50Ms)}</td>
            <td>{duration(service.p95Ms)}</td>
            <td>
              <Bar share={service.p99Ms / longest} text={duration(service.p99Ms)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function sortOf(table: State, column: ServiceColumn): "ascending" | "descending" | "none" {
  if (table.column !== column) return "none";
  return table.descending ? "descending" : "ascending";
}

const toneOf = (errors: number) => (errors >= 0.05 ? "bad" : errors > 0 ? "poor" : "good");

function Bar({ share, text, tone = "plain" }: { share: number; text: string; tone?: string }) {
  return (
    <span className={`bar bar-${tone}`}>
      <span className="bar-text">{text}</span>
      <span className="bar-track">
        <span className="bar-fill" style={{ width: `${Math.min(share, 1) * 100}%` }} />
      </span>
    </span>
  );
}
