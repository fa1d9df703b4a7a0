import { type KeyboardEvent, useState } from "react";
import { describeMatch, formatMatch, type Match, OPERATORS, parseMatch, takesValue } from "../lib/match";
import { Icon } from "./Icon";

interface Props {
  matches: Match[];
  change: (matches: Match[]) => void;
}

const EMPTY: Match = { key: "", op: "EQ", value: "" };

/** Attribute conditions as chips, and fields for one more; `key=value` typed into the first field works as well. */
export function MatchEditor({ matches, change }: Props) {
  const [draft, setDraft] = useState(EMPTY);
  const typed = draft.value === "" ? parseMatch(draft.key) : undefined;
  const complete = typed ?? (draft.key.trim() ? { ...draft, key: draft.key.trim() } : undefined);
  const add = () => {
    if (!complete) return;
    const match = takesValue(complete.op) ? complete : { ...complete, value: "" };
    const there = matches.some((other) => formatMatch(other) === formatMatch(match));
    if (!there) change([...matches, match]);
    setDraft(EMPTY);
  };
  const onEnter = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !complete) return;
    event.preventDefault();
    add();
  };
  return (
    <fieldset className="matches">
      <legend>Attributes</legend>
      <input
        aria-label="Attribute key"
        placeholder="http.route"
        value={draft.key}
        onChange={(event) => setDraft({ ...draft, key: event.target.value })}
        onKeyDown={onEnter}
      />
      <select
        aria-label="Comparison"
        value={draft.op}
        onChange={(event) => setDraft({ ...draft, op: event.target.value as Match["op"] })}
      >
        {OPERATORS.map(([op, label]) => (
          <option key={op} value={op}>
            {label}
          </option>
        ))}
      </select>
      {takesValue(draft.op) && (
        <input
          aria-label="Attribute value"
          placeholder="/checkout"
          value={draft.value}
          onChange={(event) => setDraft({ ...draft, value: event.target.value })}
          onKeyDown={onEnter}
        />
      )}
      <button type="button" className="button" disabled={!complete} onClick={add}>
        Add
      </button>
      {matches.map((match, index) => (
        <span className="chip" key={formatMatch(match)}>
          {describeMatch(match)}
          <button
            type="button"
            aria-label={`Remove ${describeMatch(match)}`}
            onClick={() => change(matches.filter((_, other) => other !== index))}
          >
            <Icon name="close" size={12} />
          </button>
        </span>
      ))}
    </fieldset>
  );
}
