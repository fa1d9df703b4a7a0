import { useId } from "react";
import { SERVICE_NAMES } from "../api/documents";
import { useQuery } from "../api/useQuery";
import { useRange } from "../state/range";

interface Props {
  value: string;
  change: (value: string) => void;
}

/** A service's name, with those that were seen in the range to choose from. */
export function ServiceField({ value, change }: Props) {
  const { interval } = useRange();
  const names = useQuery(SERVICE_NAMES, { range: interval }).data?.services ?? [];
  const list = useId();
  return (
    <label className="field">
      Service
      <input
        list={list}
        data-search
        placeholder="any"
        value={value}
        onChange={(event) => change(event.target.value)}
      />
      <datalist id={list}>
        {names.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}
