const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A whole number with separators. */
export const count = (value: number): string => COUNT.format(value);

/** "1 span", "2 spans". */
export const plural = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Requests a second; slow ones a minute or an hour, where a person can picture them. */
export function rate(perSecond: number): string {
  if (perSecond <= 0) return "0/s";
  if (perSecond >= 1) return `${compact(perSecond)}/s`;
  return perSecond * 60 >= 1 ? `${compact(perSecond * 60)}/min` : `${compact(perSecond * 3600)}/h`;
}

function compact(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  return String(Number(value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)));
}

/** A share of one as percent; what is not quite nothing does not read as nothing. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return "0%";
  if (value < 0.01) return "<0.01%";
  return `${Number(value.toFixed(value >= 10 ? 1 : 2))}%`;
}
