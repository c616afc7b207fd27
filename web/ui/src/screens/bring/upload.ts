// An upload: a file on its way to the lake, and what became of it.
import { signal } from "@preact/signals";
import { get } from "../../lib/http";
import { Problem, textOf } from "../../lib/problem";

export interface Reason {
  record?: boolean;
  field?: string;
  message: string;
  example: string;
  count: number;
  lines?: number[];
}

/** Account is what became of an upload (docs/ingest.md). */
export interface Account {
  state: "receiving" | "working" | "finished" | "interrupted";
  received: number;
  rejected: number;
  mapped: number;
  kept: number;
  not_supported: number;
  invalid: number;
  dead: number;
  events: number;
  parts: number;
  done: boolean;
  failed?: string;
  reasons: Reason[] | null;
  problems: { line?: number; field?: string; message: string }[] | null;
  problem_total: number;
}

export interface Guess {
  typetag: string;
  why: string;
  records: number;
  mapped: number;
}

export interface Choice {
  org: string;
  typetag: string;
  timezone: string;
  tlp: string;
}

const head = 256 << 10; // bytes by which a file is guessed, as the server reads
const look = 700; // ms between looks at what became of it

/** guess asks what formats a file may be of. */
export async function guess(file: File): Promise<Guess[]> {
  const answer = await fetch(`/api/v1/raw/detect?name=${encodeURIComponent(file.name.slice(0, 200))}`, { method: "POST", body: file.slice(0, head) });
  return answer.ok ? ((await answer.json()) as { candidates: Guess[] | null }).candidates ?? [] : [];
}

let number = 0;

export class Upload {
  readonly id = ++number;
  readonly guesses = signal<Guess[] | null>(null);
  readonly typetag = signal("");
  /** sent is the part of the file that has gone out, from 0 to 1; null before it begins. */
  readonly sent = signal<number | null>(null);
  readonly account = signal<Account | null>(null);
  readonly error = signal("");
  // The same key for another try: what has come already is not read twice.
  #key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

  constructor(readonly file: File) {
    guess(file).catch(() => []).then((guesses) => {
      this.guesses.value = guesses;
      if (this.typetag.peek() === "") this.typetag.value = guesses[0]?.typetag ?? "";
    });
  }

  get going(): boolean {
    return this.sent.value !== null && this.error.value === "" && this.account.value?.done !== true;
  }

  /** begin sends the file, and follows it until nothing more changes. */
  async begin(choice: Choice): Promise<void> {
    this.error.value = "";
    this.sent.value = 0;
    try {
      const id = await this.#send(choice);
      while (!this.account.peek()?.done) {
        this.account.value = await get<Account>(`/api/v1/uploads/${encodeURIComponent(id)}`);
        if (!this.account.peek()!.done) await new Promise((wake) => setTimeout(wake, look));
      }
    } catch (err) {
      this.error.value = textOf(err);
    }
  }

  // XMLHttpRequest tells how much has gone out, which fetch does not.
  #send(choice: Choice): Promise<string> {
    const params = new URLSearchParams({ org: choice.org, typetag: choice.typetag, name: this.file.name.slice(0, 200) });
    if (choice.timezone) params.set("timezone", choice.timezone);
    if (choice.tlp) params.set("tlp", choice.tlp);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/api/v1/raw?${params}`);
      request.setRequestHeader("Idempotency-Key", this.#key);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => { this.sent.value = event.total ? event.loaded / event.total : 1; };
      request.onload = () => {
        const body = read(request.responseText);
        if (request.status === 201) resolve(String(body.id));
        else reject(new Problem(String(body.detail ?? `The server answered ${request.status}.`), request.status, "", [], "", Number(request.getResponseHeader("Retry-After") ?? 0)));
      };
      request.onerror = () => reject(new Error("The line broke while the file was sent. Send it again: what has come is not sent twice."));
      request.send(this.file);
    });
  }
}

function read(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
