import type { TraceSummary } from "../api/types";
import { count } from "../lib/number";
import { colours } from "../lib/palette";
import { LEAST_MS, logScale } from "../lib/scale";
import { duration } from "../lib/time";
import { useListKeys } from "../state/keys";
import { navigate } from "../state/location";
import { useHref } from "../state/range";
import { Link } from "./Link";
import { ServiceName } from "./ServiceName";
import { Time } from "./Time";

/** Traces, one a row; a row leads to its trace. */
export function TraceList({ traces }: { traces: TraceSummary[] }) {
  const to = useHref();
  const current = useListKeys(traces.length, (index) => {
    const trace = traces[index];
    if (trace) navigate(to(`/trace/${trace.id}`));
  });
  const colourOf = colours(traces.flatMap((trace) => trace.services));
  const scale = logScale(
    traces.map((trace) => trace.durationMs),
    LEAST_MS,
  );
  return (
    <table className="list traces">
      <thead>
        <tr>
          <th scope="col">Start</th>
          <th scope="col">Root</th>
          <th scope="col">Services</th>
          <th scope="col">Spans</th>
          <th scope="col">Errors</th>
          <th scope="col" title="The bar is logarithmic, as the chart above">
            Duration
          </th>
        </tr>
      </thead>
      <tbody>
        {traces.map((trace, index) => (
          <tr key={trace.id} data-row={index} className={index === current ? "current" : undefined}>
            <td>
              <Time at={trace.start} />
            </td>
            <th scope="row">
              <Link className="cover" href={to(`/trace/${trace.id}`)}>
                {trace.root ? (
                  <>
                    <ServiceName name={trace.root.service} colour={colourOf.get(trace.root.service) ?? 0} />
                    <span className="operation">{trace.root.name}</span>
                  </>
                ) : (
                  <span className="muted">root not received</span>
                )}
              </Link>
            </th>
            <td>
              <span className="dots" title={trace.services.join(", ")}>
                {trace.services.slice(0, 8).map((service) => (
                  <span key={service} className={`dot svc-${colourOf.get(service) ?? 0}`} />
                ))}
                <span className="muted">{trace.services.length}</span>
              </span>
            </td>
            <td>{count(trace.spanCount)}</td>
            <td>
              {trace.errorCount > 0 ? <span className="tag tag-error">{count(trace.errorCount)}</span> : null}
            </td>
            <td>
              <span className={`bar bar-${trace.errorCount > 0 ? "bad" : "plain"}`}>
                <span className="bar-text">{duration(trace.durationMs)}</span>
                <span className="bar-track">
                  <span className="bar-fill" style={{ width: `${scale.at(trace.durationMs) * 100}%` }} />
                </span>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
