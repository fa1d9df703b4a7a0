/** An attribute condition and its text: `key=value`, `!=`, `=~`, `!~`, `>`, `<`, `key?` (is there), `key!?` (is not). */

export type MatchOp = "EQ" | "NE" | "REGEX" | "NOT_REGEX" | "EXISTS" | "NOT_EXISTS" | "GT" | "LT";

export interface Match {
  key: string;
  op: MatchOp;
  /** Empty for EXISTS and NOT_EXISTS. */
  value: string;
}

/** Longer signs first: that is the order in which text is read. */
const SIGNS: readonly [sign: string, op: MatchOp][] = [
  ["!=", "NE"],
  ["!~", "NOT_REGEX"],
  ["!?", "NOT_EXISTS"],
  ["=~", "REGEX"],
  ["=", "EQ"],
  [">", "GT"],
  ["<", "LT"],
  ["?", "EXISTS"],
];

export const OPERATORS: readonly [op: MatchOp, label: string][] = [
  ["EQ", "="],
  ["NE", "≠"],
  ["REGEX", "matches"],
  ["NOT_REGEX", "does not match"],
  ["GT", ">"],
  ["LT", "<"],
  ["EXISTS", "exists"],
  ["NOT_EXISTS", "does not exist"],
];

export const takesValue = (op: MatchOp): boolean => op !== "EXISTS" && op !== "NOT_EXISTS";

const hexEscape = (character: string) =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

/** The text of a condition; a sign inside a key, or in front of a value, is escaped as in a URL. */
export function formatMatch({ key, op, value }: Match): string {
  const sign = SIGNS.find(([, known]) => known === op)?.[0] ?? "=";
  const left = key.replace(/[%=!~<>?]/g, hexEscape);
  return takesValue(op) ? left + sign + value.replace(/%(?=25|3D|7E)|^[=~]/gi, hexEscape) : left + sign;
}

/** The condition that a text says; undefined where it says none. */
export function parseMatch(text: string): Match | undefined {
  const at = text.search(/[=!<>?]/);
  if (at < 1) return undefined;
  const found = SIGNS.find(([sign]) => text.startsWith(sign, at));
  if (!found) return undefined;
  const [sign, op] = found;
  const key = text
    .slice(0, at)
    .replace(/%(25|3D|21|7E|3C|3E|3F)/gi, unescaped)
    .trim();
  const rest = text.slice(at + sign.length);
  if (!key || (!takesValue(op) && rest.trim()) || (takesValue(op) && rest.startsWith("="))) return undefined;
  return { key, op, value: takesValue(op) ? rest.replace(/%(25|3D|7E)/gi, unescaped) : "" };
}

const unescaped = (part: string) => decodeURIComponent(part);

/** All conditions under a parameter that is given once for each; what cannot be read, or is there twice, is left out. */
export function matchesOf(params: URLSearchParams, name: string): Match[] {
  return [...new Set(params.getAll(name))].flatMap((text) => parseMatch(text) ?? []);
}

/** How a condition reads on the page. */
export function describeMatch({ key, op, value }: Match): string {
  const label = OPERATORS.find(([known]) => known === op)?.[1] ?? op;
  return takesValue(op) ? `${key} ${label} ${value}` : `${key} ${label}`;
}
