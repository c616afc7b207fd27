// What the details of an instance have below its facts, in this order. Each section gets the instance.
import type { ComponentType } from "preact";
import type { Instance } from "../model/instance";
import { Comments } from "./comments";
import { Judge } from "./judge";
import { Neighbours } from "./neighbours";

export interface SectionProps {
  instance: Instance;
}

export const sections: ComponentType<SectionProps>[] = [Neighbours, Judge, Comments];
