// What the server's engine says of a place in a query. Completion and help ask about the same place, and share the answer.
import { post } from "../lib/http";
import { characters } from "./mark";

export interface Candidate {
  text: string;
  kind: string;
  detail?: string;
  start: number; // in characters, like end
  end: number;
}

/** Help says what a word takes. */
export interface Help {
  word: string;
  takes: string;
  text: string;
  example: string;
}

interface Answer {
  candidates: Candidate[];
  help?: Help | null;
}

let last: { text: string; place: number; answer: Promise<Answer> } | null = null;

/** at asks what may stand at a place of a text, counted in UTF-16 units, and what the word there takes. */
export function at(text: string, place: number): Promise<Answer> {
  if (last?.text !== text || last.place !== place) {
    last = { text, place, answer: post<Answer>("/api/v1/tdql/complete", { tdql: text, pos: characters(text, place) }) };
  }
  return last.answer;
}
