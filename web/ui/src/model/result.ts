// A result is one query and what has come of it so far.
import { signal } from "@preact/signals";
import { Problem, type Fault } from "../lib/problem";
import { line, type Frame, type Operation, type Params } from "../lib/socket";

export type Row = Record<string, unknown>;
export type State = "sent" | "wait" | "processing" | "ready" | "failed" | "cancelled";

/** Rows a result takes before it asks the server to wait. One may ask for more. */
export const room = 100_000;
const window_ = 4000; // rows that are welcome at a time

/**
 * Result runs a query and keeps its rows. Rows are in a plain array, because there are many; its signal `held` changes at most once a
 * frame of the screen.
 */
export class Result {
  readonly state = signal<State>("sent");
  readonly position = signal(0);
  readonly report = signal("");
  readonly kind = signal("");
  readonly fields = signal<string[]>([]);
  readonly canonical = signal("");
  readonly snapshot = signal("");
  readonly held = signal(0); // rows that are here
  readonly made = signal(0); // rows that the server has made, as far as it told
  readonly scanned = signal(0);
  readonly elapsed = signal(0); // ms; while it runs, as of the last word of the server
  readonly paused = signal(false); // the page has no room for more
  readonly warnings = signal<Fault[]>([]);
  readonly problem = signal<Problem | null>(null);
  readonly started = Date.now();
  readonly rows: Row[] = [];

  #operation: Operation | null = null;
  #welcome = window_;
  #room: number;
  #frame = 0;

  private constructor(readonly tdql: string, readonly params: Params, limit: number) {
    this.#room = limit;
  }

  /** ask runs a query. With redo false an equal one of this hour is good enough. */
  static ask(tdql: string, params: Params = {}, options: { redo?: boolean; room?: number } = {}): Result {
    const result = new Result(tdql, params, options.room ?? room);
    result.#operation = line.query(tdql, params, window_, (frame) => result.#heard(frame), options.redo ?? true);
    return result;
  }

  /** open shows a report that has been asked for already. */
  static open(report: string, tdql = "", options: { room?: number } = {}): Result {
    const result = new Result(tdql, {}, options.room ?? room);
    result.report.value = report;
    result.#operation = line.subscribe(report, window_, (frame) => result.#heard(frame));
    return result;
  }

  get ended(): boolean {
    return this.state.value === "ready" || this.state.value === "failed" || this.state.value === "cancelled";
  }

  /** cancel ends the query, and the report with it. */
  cancel(): void {
    this.#operation?.cancel();
    if (line.lost.value > 0 && !this.ended) this.state.value = "cancelled";
  }

  /** more makes room for so many rows more. */
  more(n: number): void {
    this.#room += n;
    this.paused.value = false;
    this.#refill();
  }

  #refill(): void {
    const free = Math.min(window_, this.#room - this.rows.length) - this.#welcome;
    if (free >= window_ / 4 || (free > 0 && this.#welcome === 0)) {
      this.#welcome += free;
      this.#operation?.credit(free);
    }
    this.paused.value = this.rows.length >= this.#room && !this.ended;
  }

  #heard(frame: Frame): void {
    switch (frame.type) {
      case "status":
        this.report.value = frame.report ?? this.report.value;
        this.position.value = frame.position ?? 0;
        if (!this.ended) this.state.value = frame.status as State;
        break;
      case "header":
        this.kind.value = frame.kind ?? "";
        this.fields.value = frame.fields ?? [];
        this.canonical.value = frame.canonical ?? "";
        this.snapshot.value = frame.snapshot ?? "";
        break;
      case "rows":
        this.#take(frame.rows as Row[]);
        break;
      case "progress":
        this.made.value = Number(frame.rows ?? 0);
        this.scanned.value = frame.scanned ?? 0;
        this.elapsed.value = frame.elapsed_ms ?? 0;
        break;
      case "end":
        this.#show();
        this.made.value = Number(frame.rows ?? this.rows.length);
        this.elapsed.value = frame.elapsed_ms ?? 0;
        this.warnings.value = frame.warnings ?? [];
        this.state.value = frame.status as State;
        this.paused.value = false;
        break;
      case "error":
        this.#show();
        this.problem.value = new Problem(frame.message ?? "The query failed.", 0, frame.code ?? "", frame.errors ?? []);
        this.elapsed.value = Date.now() - this.started;
        this.state.value = "failed";
        this.paused.value = false;
        break;
    }
  }

  #take(rows: Row[]): void {
    for (const row of rows) this.rows.push(row);
    this.#welcome -= rows.length;
    this.#refill();
    // A page in the background has no frames of the screen.
    if (this.#frame === 0) this.#frame = window.setTimeout(() => requestOrNow(() => this.#show()), 0);
  }

  #show(): void {
    this.#frame = 0;
    this.held.value = this.rows.length;
  }
}

function requestOrNow(f: () => void): void {
  if (document.hidden) f();
  else requestAnimationFrame(f);
}
