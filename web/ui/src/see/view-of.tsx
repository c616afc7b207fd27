import { useLoaded } from "../ui/loaded";
import { Fault } from "../ui/parts";
import type { View, ViewProps } from "./views";

/** ViewOf shows a view, once its code is here. */
export function ViewOf({ view, ...rest }: ViewProps & { view: View }) {
  const { part: Part, error } = useLoaded(view.load);
  if (error) return <Fault error={error} />;
  return Part ? <Part {...rest} /> : null;
}
