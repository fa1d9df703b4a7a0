/** Line icons of one weight, drawn on 16 by 16. */
const PATHS = {
  services: "M2.5 3.5h11v3.5h-11zM2.5 9h11v3.5h-11zM5 5.25h.01M5 10.75h.01",
  traces: "M2 3.5h7M5 8h7M8 12.5h6",
  logs: "M3 3.5h10M3 6.5h7M3 9.5h10M3 12.5h5",
  start: "M5 3l7 5-7 5z",
  graphql: "M8 1.8l5.4 3.1v6.2L8 14.2l-5.4-3.1V4.9zM8 1.8L2.6 11.1h10.8z",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.6h-2.6",
  clock: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2 1.3",
  chevron: "M6 4l4 4-4 4",
  down: "M4 6l4 4 4-4",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h7.5v8H5.5zM10.5 5.5v-3H3v8h2.5",
  done: "M3 8.5l3.2 3L13 4.5",
  alert: "M8 2.2l6.2 11H1.8zM8 6.5v3M8 11.4h.01",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10.2 10.2l3.3 3.3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
