import { useMemo, useState } from "react";
import { ARRIVALS, SERVICES } from "../api/documents";
import type { Service } from "../api/types";
import { useQuery } from "../api/useQuery";
import { Link } from "../components/Link";
import { Empty, ErrorNote, Progress } from "../components/Notes";
import { RangePicker } from "../components/RangePicker";
import { ServiceTable } from "../components/ServiceTable";
import { Header } from "../components/Shell";
import { plural } from "../lib/number";
import { resolve } from "../lib/range";
import { arrange, serviceTableCodec } from "../lib/serviceTable";
import { usePageState, useRange } from "../state/range";
import { useTitle } from "../state/title";
import { Onboarding } from "./Onboarding";

const EVER = { last: "30d" };

/** The landing page: the services, or how to begin where nothing has come yet. */
export function ServicesPage() {
  useTitle("Services");
  const { interval } = useRange();
  const { data, error, loading, reload } = useQuery(SERVICES, { range: interval });
  const services = data?.services;
  return (
    <>
      <Progress on={loading} />
      {services?.length === 0 ? (
        <Nothing reload={reload} />
      ) : (
        <>
          <Header title="Services">
            <RangePicker />
          </Header>
          {error && <ErrorNote error={error} retry={reload} />}
          {services && <Found services={services} />}
        </>
      )}
    </>
  );
}

function Found({ services }: { services: Service[] }) {
  const [table, change] = usePageState(serviceTableCodec);
  const shown = useMemo(() => arrange(services, table), [services, table]);
  return (
    <>
      <div className="toolbar">
        <input
          type="search"
          data-search
          className="search"
          aria-label="Find a service"
          placeholder="Find a service"
          value={table.find ?? ""}
          onChange={(event) => change({ ...table, find: event.target.value || undefined }, true)}
        />
        <span className="muted">{plural(shown.length, "service")}</span>
      </div>
      {shown.length > 0 ? (
        <ServiceTable services={shown} table={table} change={change} />
      ) : (
        <Empty title={`No service has “${table.find}” in its name`} />
      )}
    </>
  );
}

/** No requests in the range: because nothing ever came, or because of the range. */
function Nothing({ reload }: { reload: () => void }) {
  const [range] = useState(() => resolve(EVER, Date.now()));
  const { data, error } = useQuery(ARRIVALS, { range });
  if (!data) return error ? <ErrorNote error={error} retry={reload} /> : null;
  const ever = data.traces.edges.length + data.logs.edges.length + data.metricNames.length > 0;
  if (!ever) return <Onboarding seeServices={reload} />;
  return (
    <>
      <Header title="Services">
        <RangePicker />
      </Header>
      <Empty title="No requests in this time range">
        <p>Services appear here as soon as they have handled a request.</p>
        <p>
          <Link className="button" href="/?last=7d">
            Look at the last 7 days
          </Link>
        </p>
      </Empty>
    </>
  );
}
