// The one websocket of the page (docs/protocol.md): many operations at a time. When the line drops it comes back and each operation
// resumes after the last row that it has, so that no row is missing and none comes twice.
import { signal } from "@preact/signals";
import type { Fault } from "./problem";

/** A frame of the server's. Which members there are depends on the type. */
export interface Frame {
  id: string;
  type: "status" | "header" | "rows" | "progress" | "end" | "error" | "pong";
  report?: string;
  status?: string;
  position?: number;
  kind?: string;
  fields?: string[];
  canonical?: string;
  snapshot?: string;
  seq?: number;
  rows?: unknown;
  scanned?: number;
  elapsed_ms?: number;
  warnings?: Fault[];
  code?: string;
  message?: string;
  errors?: Fault[];
  [more: string]: unknown;
}

export type Params = Record<string, unknown>;

/** Operation is something that is under way on the line. */
export interface Operation {
  credit(n: number): void;
  cancel(): void;
}

interface Running {
  id: string;
  start: Record<string, unknown>;
  report: string;
  seq: number;
  credit: number; // rows that are still welcome
  heard: (frame: Frame) => void;
}

const protocol = "tdql.v1";
const longestPause = 15_000;
const beat = 20_000; // between our pings; a line on which nothing comes back for three of them is dead
const restarts = 1012;
const unauthorised = 4401;

class Line {
  /** lost is 0 while the line is up, and otherwise the time (ms since 1970) of the next try. */
  readonly lost = signal(0);
  onRefused = () => {}; // the session is over; with another one, again goes on

  #socket: WebSocket | null = null;
  #running = new Map<string, Running>();
  #number = 0;
  #failures = 0;
  #timer = 0;
  #beat = 0;
  #heardAt = 0;
  #wanted = false;

  open(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#connect();
  }

  close(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    clearInterval(this.#beat);
    this.#running.clear();
    this.#socket?.close(1000);
    this.#socket = null;
    this.lost.value = 0;
  }

  /** again tries to come back at once. */
  again(): void {
    if (!this.#wanted || this.lost.value === 0) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  query(tdql: string, params: Params, credit: number, heard: (frame: Frame) => void, redo = true): Operation {
    const start: Record<string, unknown> = { op: "query", tdql };
    if (Object.keys(params).length > 0) start.params = params;
    if (!redo) start.redo = false;
    return this.#begin(start, "", credit, heard);
  }

  subscribe(report: string, credit: number, heard: (frame: Frame) => void): Operation {
    return this.#begin({ op: "subscribe" }, report, credit, heard);
  }

  reports(heard: (frame: Frame) => void): Operation {
    return this.#begin({ op: "reports" }, "", 0, heard);
  }

  #begin(start: Record<string, unknown>, report: string, credit: number, heard: (frame: Frame) => void): Operation {
    const id = `o${++this.#number}`;
    const running: Running = { id, start, report, seq: 0, credit, heard };
    this.#running.set(id, running);
    this.#send(this.#opening(running));
    return {
      credit: (n) => {
        running.credit += n;
        this.#send({ op: "credit", id, n });
      },
      cancel: () => {
        if (!this.#running.has(id)) return;
        if (start.op === "reports" || this.lost.value > 0) this.#running.delete(id);
        this.#send({ op: "cancel", id });
      },
    };
  }

  // opening is what starts an operation, or takes it up again after a loss.
  #opening(o: Running): Record<string, unknown> {
    const opening: Record<string, unknown> = { id: o.id, ...o.start };
    if (o.report && o.start.op !== "reports") {
      for (const name of ["tdql", "params", "redo"]) delete opening[name];
      Object.assign(opening, { op: "subscribe", report: o.report, after: o.seq });
    }
    if (o.start.op !== "reports") opening.credit = Math.max(o.credit, 1);
    return opening;
  }

  #connect(): void {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, protocol);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("message", (event) => this.#heard(parse(event.data)));
    socket.addEventListener("close", (event) => {
      if (socket === this.#socket) this.#closed(event);
    });
  }

  #opened(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.lost.value = 0;
    this.#heardAt = Date.now();
    this.#beat = window.setInterval(() => this.#ping(), beat);
    for (const o of this.#running.values()) this.#send(this.#opening(o));
  }

  #ping(): void {
    if (Date.now() - this.#heardAt > 3 * beat) this.#socket?.close();
    else this.#send({ op: "ping" });
  }

  #send(message: Record<string, unknown>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #heard(frame: Frame): void {
    this.#failures = 0;
    this.#heardAt = Date.now();
    const o = this.#running.get(frame.id);
    if (!o) return;
    if (frame.type === "status" && frame.report && o.start.op !== "reports") o.report = frame.report;
    if (frame.type === "rows") {
      o.seq = frame.seq ?? o.seq;
      o.credit -= (frame.rows as unknown[]).length;
    }
    if (frame.type === "end" || frame.type === "error") this.#running.delete(frame.id);
    o.heard(frame);
  }

  #closed(event: CloseEvent): void {
    clearInterval(this.#beat);
    this.#socket = null;
    if (!this.#wanted) return;
    if (event.code === unauthorised) {
      this.lost.value = Date.now();
      this.onRefused();
      return;
    }
    if (isOurFault(event.code)) this.#giveUp(event.reason);
    const longest = event.code === restarts ? 2000 : longestPause;
    const pause = Math.min(longest, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures++;
    this.lost.value = Date.now() + pause;
    this.#timer = window.setTimeout(() => this.#connect(), pause);
  }

  // giveUp ends the operations; to send them again would only close the line again.
  #giveUp(reason: string): void {
    const all = [...this.#running.values()];
    this.#running.clear();
    for (const o of all) o.heard({ id: o.id, type: "error", code: "refused", message: reason || "The server refused the query." });
  }
}

// isOurFault tells close codes after which the same messages must not be sent again: too big, and the protocol's own.
function isOurFault(code: number): boolean {
  return code === 1009 || (code >= 4400 && code < 4500 && code !== 4408);
}

// A number of sixteen digits or more may be one that JavaScript cannot hold.
const long = /[:[,]\s*-?\d{16}/;

/** parse reads JSON and keeps integers whole. */
export function parse(text: string): Frame {
  return JSON.parse(text, long.test(text) ? (whole as (key: string, value: unknown) => unknown) : undefined);
}

function whole(_: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source ?? "";
  return typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

export const line = new Line();
addEventListener("online", () => line.again());
