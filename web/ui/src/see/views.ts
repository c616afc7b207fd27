// The ways in which a result can be looked at. A view gets the result, and tells which instance is chosen.
import type { ComponentType } from "preact";
import type { Instance } from "../model/instance";
import type { Result } from "../model/result";
import type { IconName } from "../ui/icons";

export interface ViewProps {
  result: Result;
  /** chosen is the instance whose details are shown, and choose shows those of another one (or, with null, of none). */
  chosen: Instance | null;
  choose: (instance: Instance | null) => void;
}

export interface View {
  name: string;
  label: string;
  icon: IconName;
  /** fits tells whether rows of this kind can be looked at so. */
  fits: (kind: string, fields: string[]) => boolean;
  load: () => Promise<{ default: ComponentType<ViewProps> }>;
}

// Rows of instances, and of what hangs together, can be drawn; counts and the like cannot.
const drawable = new Set(["events", "attributes", "objects", "sessions", "raws", "instances", "top", "threatrank", "graph", "path"]);

// Kinds of result that one reads rather than looks things up in.
const documents = ["count", "explain", "summary"];

export const views: View[] = [
  { name: "document", label: "Text", icon: "reports", fits: (kind) => documents.includes(kind), load: () => import("./document") },
  { name: "table", label: "Table", icon: "table", fits: () => true, load: () => import("./table") },
  {
    name: "graph", label: "Graph", icon: "graph",
    fits: (kind, fields) => drawable.has(kind) && (kind === "path" || kind === "graph" || fields.length === 0 || fields.includes("hash")),
    load: () => import("../graph"),
  },
];
