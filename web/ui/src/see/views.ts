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

export const views: View[] = [
  { name: "table", label: "Table", icon: "table", fits: () => true, load: () => import("./table") },
];
