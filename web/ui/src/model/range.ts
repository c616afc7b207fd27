// Ranges of time are written into a query by the server's own engine, which knows where they belong.
import { post } from "../lib/http";
import { run, text } from "./desk";

export interface Range {
  from?: string;
  to?: string;
  last?: string;
}

/** inRange is the query in the editor with another range of time; without any, of all time. */
export async function inRange(range: Range): Promise<string> {
  const body = Object.fromEntries(Object.entries(range).filter(([, value]) => value));
  return (await post<{ tdql: string }>("/api/v1/tdql/rewrite", { tdql: text.peek(), ...body })).tdql;
}

/** moveTo puts it into the editor and runs it. */
export async function moveTo(range: Range): Promise<void> {
  text.value = await inRange(range);
  run();
}
