// The screens of the page. Each is a folder with an index.tsx whose default export is the component; it is fetched when it is first shown.
import type { ComponentType } from "preact";
import type { IconName } from "../ui/icons";

export interface Screen {
  path: string; // its address; what is below it is its own
  title: string;
  icon: IconName;
  key: string; // after g
  load: () => Promise<{ default: ComponentType }>;
}

export const screens: Screen[] = [
  { path: "/", title: "Ask", icon: "ask", key: "a", load: () => import("./ask") },
  { path: "/reports", title: "Reports", icon: "reports", key: "r", load: () => import("./reports") },
  { path: "/watches", title: "Watches", icon: "watches", key: "w", load: () => import("./watches") },
  { path: "/bring", title: "Bring", icon: "bring", key: "b", load: () => import("./bring") },
  { path: "/run", title: "Run", icon: "run", key: "p", load: () => import("./run") },
];

/** screenAt is the screen of an address. */
export function screenAt(path: string): Screen {
  return screens.find((s) => s.path !== "/" && (path === s.path || path.startsWith(`${s.path}/`))) ?? screens[0]!;
}
