import type { Service } from "../api/types";
import { type Codec, pair, textOf } from "./codec";

export type ServiceColumn = keyof Service;

/** How the table of services is searched and sorted. */
export interface ServiceTable {
  find?: string | undefined;
  column: ServiceColumn;
  descending: boolean;
}

const COLUMNS: readonly ServiceColumn[] = ["name", "requestRate", "errorRate", "p50Ms", "p95Ms", "p99Ms"];
const DEFAULT_SORT = "-requestRate";

export const serviceTableCodec: Codec<ServiceTable> = {
  decode(params) {
    const sort = textOf(params, "sort") ?? DEFAULT_SORT;
    const column = COLUMNS.find((known) => known === sort.replace(/^-/, ""));
    return {
      find: textOf(params, "find"),
      column: column ?? "requestRate",
      descending: column === undefined || sort.startsWith("-"),
    };
  },
  encode({ find, column, descending }) {
    const sort = (descending ? "-" : "") + column;
    return [...pair("find", find), ...pair("sort", sort === DEFAULT_SORT ? undefined : sort)];
  },
};

/** The services to show, in order; equal ones by name. */
export function arrange(services: readonly Service[], { find, column, descending }: ServiceTable): Service[] {
  const wanted = find?.toLowerCase() ?? "";
  const direction = descending ? -1 : 1;
  return services
    .filter((service) => service.name.toLowerCase().includes(wanted))
    .sort((a, b) => {
      const [left, right] = [a[column], b[column]];
      if (left === right) return a.name < b.name ? -1 : 1;
      return (left < right ? -1 : 1) * direction;
    });
}

/** A click on a column's head: the same column turns round, another begins with what is most interesting. */
export function sortBy(table: ServiceTable, column: ServiceColumn): ServiceTable {
  const descending = table.column === column ? !table.descending : column !== "name";
  return { ...table, column, descending };
}
