/** The URL is the state: a codec reads a page's state out of the query string and writes it back, shortest form. */
export type Pair = readonly [name: string, value: string];

export interface Codec<T> {
  decode(params: URLSearchParams): T;
  encode(state: T): Pair[];
}

/** The address of a page with its state; characters that are safe in a query string stay readable. */
export function href(path: string, pairs: readonly Pair[]): string {
  const query = pairs.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join("&");
  return query ? `${path}?${query}` : path;
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/%(3A|2F|2C|40|24|3D|3F)/g, (part) => decodeURIComponent(part));
}

/** A pair where there is a value to say, none otherwise. */
export function pair(name: string, value: string | number | undefined): Pair[] {
  return value === undefined || value === "" ? [] : [[name, String(value)]];
}

/** A parameter's text, trimmed; undefined where it is absent or empty. */
export function textOf(params: URLSearchParams, name: string): string | undefined {
  return params.get(name)?.trim() || undefined;
}

/** A parameter as a number that is not negative; undefined where it is none. */
export function numberOf(params: URLSearchParams, name: string): number | undefined {
  const text = textOf(params, name);
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
