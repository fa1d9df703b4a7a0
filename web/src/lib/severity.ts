/** OpenTelemetry's severity numbers: six names with four steps each, 1 to 24. */

export type Severity = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "none";

const NAMES: readonly Severity[] = ["trace", "debug", "info", "warn", "error", "fatal"];

export function severityOf(number: number): Severity {
  return (number >= 1 && NAMES[Math.floor((number - 1) / 4)]) || "none";
}

/** What the record itself says, else the name of its number. */
export function severityLabel(number: number, text: string | null): string {
  if (text) return text.toUpperCase();
  return number >= 1 ? severityOf(number).toUpperCase() : "–";
}

/** The least number of each name, for the search form. */
export const SEVERITIES: readonly [least: number, label: string][] = NAMES.map((name, index) => [
  index * 4 + 1,
  index === NAMES.length - 1 ? "Fatal" : `${name[0]?.toUpperCase()}${name.slice(1)} and above`,
]);
