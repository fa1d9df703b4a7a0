import { useEffect, useMemo, useState } from "react";
import { ARRIVALS, type Arrivals, ENDPOINTS } from "../api/documents";
import { useQuery } from "../api/useQuery";
import { Copy } from "../components/Copy";
import { Icon } from "../components/Icon";
import { Link } from "../components/Link";
import { ErrorNote } from "../components/Notes";
import { Header } from "../components/Shell";
import { asksForKey, reached, startCodec } from "../lib/onboarding";
import { resolve } from "../lib/range";
import { snippets } from "../lib/snippets";
import { usePageState } from "../state/range";
import { useTitle } from "../state/title";

const POLL_MS = 2000;
const RANGE = { last: "24h" };

/** How to send the first telemetry; it notices when that arrives. */
export function Onboarding({ seeServices }: { seeServices?: () => void }) {
  useTitle("Get started");
  const [start, change] = usePageState(startCodec);
  const said = useQuery(ENDPOINTS, {});
  const usual = reached(said.data?.endpoints, window.location.hostname);
  const endpoint = start.endpoint ?? usual.grpc;
  const choices = snippets(endpoint, asksForKey(endpoint));
  const chosen = choices.find((snippet) => snippet.id === start.language) ?? choices[0];
  return (
    <div className="onboarding">
      <Header title="Send your first telemetry" />
      <div className="onboarding-body">
        <div>
          <p>
            Point an OpenTelemetry SDK or a Collector at this endpoint. Traces, metrics and logs all go there.
          </p>
          <Endpoint
            key={endpoint}
            endpoint={endpoint}
            http={usual.http}
            change={(text) => change({ ...start, endpoint: text })}
          />
          <div className="tabs" role="tablist">
            {choices.map((snippet) => (
              <button
                key={snippet.id}
                type="button"
                role="tab"
                aria-selected={snippet === chosen}
                onClick={() => change({ ...start, language: snippet.id })}
              >
                {snippet.label}
              </button>
            ))}
          </div>
          <ol className="steps">
            {chosen?.steps.map(([what, text]) => (
              <li key={what}>
                <h3>{what}</h3>
                <div className="code">
                  <pre>{text}</pre>
                  <Copy text={text} />
                </div>
              </li>
            ))}
          </ol>
        </div>
        <Receiving seeServices={seeServices} />
      </div>
    </div>
  );
}

function Endpoint({
  endpoint,
  http,
  change,
}: {
  endpoint: string;
  http: string;
  change: (endpoint: string | undefined) => void;
}) {
  const [text, setText] = useState(endpoint);
  return (
    <form
      className="endpoint"
      onSubmit={(event) => {
        event.preventDefault();
        change(text.trim() || undefined);
      }}
    >
      <label className="field wide">
        OTLP/gRPC endpoint (OTLP/HTTP: {http})
        <input
          value={text}
          pattern="https?://[\w.:\[\]\-]+"
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      {text.trim() === endpoint ? (
        <Copy wide text={endpoint} />
      ) : (
        <button type="submit" className="button primary">
          Use
        </button>
      )}
    </form>
  );
}

/** Looks every two seconds, until all three signals have come. */
function Receiving({ seeServices }: { seeServices: (() => void) | undefined }) {
  const [now, setNow] = useState(() => Date.now());
  const range = useMemo(() => resolve(RANGE, now), [now]);
  const { data, error, loading, reload } = useQuery(ARRIVALS, { range });
  const complete = data !== undefined && SIGNALS.every(([, , came]) => came(data));
  useEffect(() => {
    if (loading || complete) return;
    const timer = setTimeout(() => setNow(Date.now()), POLL_MS);
    return () => clearTimeout(timer);
  }, [loading, complete]);
  const any = data !== undefined && SIGNALS.some(([, , came]) => came(data));
  const traceId = data?.traces.edges[0]?.node.id;
  return (
    <section className={any ? "receiving received" : "receiving"} aria-live="polite">
      <h2>{any ? "Received" : "Waiting for telemetry…"}</h2>
      <ul>
        {SIGNALS.map(([name, href, came]) => (
          <li key={name} className={data && came(data) ? "came" : undefined}>
            <span className="state">
              {data && came(data) ? <Icon name="done" /> : <span className="pulse" />}
            </span>
            <span>{name}</span>
            <Arrived came={data !== undefined && came(data)} href={href} />
          </li>
        ))}
      </ul>
      {traceId && (
        <Link className="button primary" href={`/trace/${traceId}`}>
          Open the newest trace
        </Link>
      )}
      {any && seeServices && (
        <button type="button" className="button" onClick={seeServices}>
          See the services
        </button>
      )}
      {error && <ErrorNote error={error} retry={reload} />}
    </section>
  );
}

function Arrived({ came, href }: { came: boolean; href: string | undefined }) {
  if (!came) return <span>waiting</span>;
  return href ? <Link href={href}>look</Link> : <span>received</span>;
}

const SIGNALS: readonly [name: string, href: string | undefined, came: (arrivals: Arrivals) => boolean][] = [
  ["Traces", "/explore", (arrivals) => arrivals.traces.edges.length > 0],
  ["Logs", "/logs", (arrivals) => arrivals.logs.edges.length > 0],
  ["Metrics", undefined, (arrivals) => arrivals.metricNames.length > 0],
];
