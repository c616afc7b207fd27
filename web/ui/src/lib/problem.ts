// Problems: what the server says when it cannot do as asked (RFC 9457), and what the page says when there was no answer.

/** One fault of a query's text. Lines and columns count from 1, columns and lengths in characters. */
export interface Fault {
  code: string;
  message: string;
  hint?: string;
  line?: number;
  column?: number;
  length?: number;
}

/** Problem is an error of the server's, for a person to read. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status = 0,
    readonly code = "",
    readonly faults: Fault[] = [],
    readonly requestId = "",
    readonly retryAfter = 0,
  ) {
    super(message);
    this.name = "Problem";
  }
}

/** problemOf reads an answer that is not one of success. */
export async function problemOf(answer: Response): Promise<Problem> {
  const body = await answer.json().catch(() => ({}));
  const kind = String(body.type ?? "").replace("urn:cybexp:problem:", "");
  const text = body.detail ?? body.message ?? `The server answered ${answer.status} ${answer.statusText}.`;
  return new Problem(text, answer.status, kind, body.errors ?? [], body.request_id ?? "", Number(answer.headers.get("Retry-After") ?? 0));
}

/** textOf says any error in a sentence. */
export function textOf(err: unknown): string {
  if (err instanceof Problem) {
    const wait = err.retryAfter > 0 ? ` Try again in ${err.retryAfter} s.` : "";
    return err.message + wait;
  }
  if (err instanceof TypeError) return "The server cannot be reached.";
  return err instanceof Error ? err.message : String(err);
}
