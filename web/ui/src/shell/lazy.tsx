import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useLoaded } from "../ui/loaded";
import { Busy, Button, Fault } from "../ui/parts";

/** Lazy shows a screen, once its code is here. */
export function Lazy({ load }: { load: () => Promise<{ default: ComponentType }> }) {
  const { part: Part, error } = useLoaded(load);
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  if (Part) return <Part />;
  if (error) return <div class="screen"><Fault error={error} /><div><Button onClick={() => location.reload()}>Load the page anew</Button></div></div>;
  return late ? <div class="screen"><Busy /></div> : null;
}
