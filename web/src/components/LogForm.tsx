import { type FormEvent, useState } from "react";
import type { LogSearch } from "../lib/logSearch";
import { SEVERITIES } from "../lib/severity";
import { Icon } from "./Icon";
import { MatchEditor } from "./MatchEditor";
import { ServiceField } from "./ServiceField";

interface Props {
  search: LogSearch;
  change: (search: LogSearch) => void;
}

/** What to look for. Text counts when it is sent; choices and attributes count at once. */
export function LogForm({ search, change }: Props) {
  const [service, setService] = useState(search.service ?? "");
  const [text, setText] = useState(search.text ?? "");
  const [trace, setTrace] = useState(search.trace ?? "");
  const drafted = (more: Partial<LogSearch> = {}): LogSearch => ({
    ...search,
    service: service.trim() || undefined,
    text: text.trim() || undefined,
    trace: trace.trim().toLowerCase() || undefined,
    ...more,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change(drafted());
  };
  return (
    <search>
      <form className="filters" onSubmit={submit}>
        <label className="field wide">
          Text
          <input
            type="search"
            data-search
            placeholder="in the message"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <ServiceField value={service} change={setService} />
        <label className="field">
          Severity
          <select
            value={search.severity ?? ""}
            onChange={(event) => change(drafted({ severity: Number(event.target.value) || undefined }))}
          >
            <option value="">any</option>
            {SEVERITIES.map(([least, label]) => (
              <option key={least} value={least}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          Trace id
          <input
            placeholder="any"
            pattern="\s*[0-9a-fA-F]{32}\s*"
            title="32 hexadecimal digits"
            value={trace}
            onChange={(event) => setTrace(event.target.value)}
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
