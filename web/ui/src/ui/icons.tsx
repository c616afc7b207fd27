// Icons, drawn on a grid of 20. They say nothing to a screen reader: whatever bears one has words.
const paths = {
  ask: "M8.5 3a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM12.6 12.6 17 17",
  reports: "M5 3h7l3 3v11H5zM8 9h4M8 12h4",
  watches: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5ZM10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z",
  bring: "M10 13V4M6.5 7.5 10 4l3.5 3.5M4 13v3h12v-3",
  run: "M10 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M4.7 15.3l1.4-1.4M13.9 6.1l1.4-1.4",
  play: "M6 4l10 6-10 6z",
  stop: "M5 5h10v10H5z",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  close: "M5 5l10 10M15 5 5 15",
  down: "M5 8l5 5 5-5",
  right: "M8 5l5 5-5 5",
  bell: "M10 3a4.5 4.5 0 0 0-4.5 4.5c0 4-1.5 5-1.5 6h12c0-1-1.5-2-1.5-6A4.5 4.5 0 0 0 10 3ZM8.5 16.5a1.6 1.6 0 0 0 3 0",
  user: "M10 10a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM3.5 17c.6-3.2 3.2-4.8 6.5-4.8s5.9 1.6 6.5 4.8",
  star: "M10 3l2.1 4.5 4.9.6-3.6 3.4.9 4.9L10 14l-4.3 2.4.9-4.9L3 8.1l4.9-.6z",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6v4.3l2.8 1.7",
  export: "M10 4v9M6.5 9.5 10 13l3.5-3.5M4 16h12",
  table: "M3 4h14v12H3zM3 8h14M8 8v8",
  graph: "M5 5.5a2 2 0 1 0 0-.1ZM15 9a2 2 0 1 0 0-.1ZM7 15a2 2 0 1 0 0-.1ZM6.6 6.2l6.8 2.4M5.3 7.3l1.4 5.8M8.5 13.8l5-3.5",
  chart: "M3 16h14M5 13v3M8.5 8v8M12 10.5v5.5M15.5 5v11",
  add: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6",
  paste: "M7 4H5v13h10V4h-2M7 3h6v3H7z",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.8M10 14.4v.1",
  warn: "M10 3.5 17.5 16h-15zM10 8.5v3.5M10 13.9v.1",
  out: "M8 4H4v12h4M8 10h8M13 7l3 3-3 3",
  filter: "M3 4h14l-5.5 6.5V16L8.5 14v-3.5z",
  more: "M4.5 10h1M9.5 10h1M14.5 10h1",
  undo: "M7 4 3.5 7.5 7 11M4 7.5h7.5a4.2 4.2 0 0 1 0 8.5H8",
  pin: "M7 3h6M8 3v5l-2 3h8l-2-3V3M10 11v6",
  hide: "M3 3l14 14M8 5.3A9 9 0 0 1 10 5c5 0 8 5 8 5a13 13 0 0 1-2.3 2.8M5 7a12 12 0 0 0-3 3s3 5 8 5a8 8 0 0 0 3-.6",
  path: "M4 16a1.8 1.8 0 1 0 0-.1ZM16 4a1.8 1.8 0 1 0 0-.1ZM5.5 14.5C9 12 8 8 14.5 5.5",
  check: "M4 10.5 8 14.5 16 5.5",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
