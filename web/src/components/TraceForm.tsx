import { type FormEvent, useState } from "react";
import type { Status, TraceSearch } from "../lib/traceSearch";
import { Icon } from "./Icon";
import { MatchEditor } from "./MatchEditor";
import { ServiceField } from "./ServiceField";

interface Props {
  search: TraceSearch;
  change: (search: TraceSearch) => void;
}

/** What to look for. Text counts when it is sent; choices and attributes count at once. */
export function TraceForm({ search, change }: Props) {
  const [service, setService] = useState(search.service ?? "");
  const [operation, setOperation] = useState(search.operation ?? "");
  const [min, setMin] = useState(String(search.min ?? ""));
  const [max, setMax] = useState(String(search.max ?? ""));
  const drafted = (more: Partial<TraceSearch> = {}): TraceSearch => ({
    ...search,
    service: service.trim() || undefined,
    operation: operation.trim() || undefined,
    min: min === "" ? undefined : Number(min),
    max: max === "" ? undefined : Number(max),
    ...more,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change(drafted());
  };
  return (
    <search>
      <form className="filters" onSubmit={submit}>
        <ServiceField value={service} change={setService} />
        <label className="field wide">
          Operation
          <input placeholder="any" value={operation} onChange={(event) => setOperation(event.target.value)} />
        </label>
        <label className="field">
          Status
          <select
            value={search.status ?? ""}
            onChange={(event) =>
              change(drafted({ status: (event.target.value || undefined) as Status | undefined }))
            }
          >
            <option value="">any</option>
            <option value="ERROR">Error</option>
            <option value="OK">Ok</option>
            <option value="UNSET">Unset</option>
          </select>
        </label>
        <label className="field narrow">
          Min ms
          <input
            type="number"
            min={0}
            step="any"
            value={min}
            onChange={(event) => setMin(event.target.value)}
          />
        </label>
        <label className="field narrow">
          Max ms
          <input
            type="number"
            min={0}
            step="any"
            value={max}
            onChange={(event) => setMax(event.target.value)}
          />
        </label>
        <button type="submit" className="button primary">
          <Icon name="search" />
          Search
        </button>
        <MatchEditor matches={search.attributes} change={(attributes) => change(drafted({ attributes }))} />
      </form>
    </search>
  );
}
