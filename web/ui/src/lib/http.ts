// The HTTP API. The session is a cookie that scripts cannot read, so a call needs no more than its path.
import { Problem, problemOf } from "./problem";

/** unauthorized is called when the server no longer knows who we are. The session sets it. */
export const hooks = { unauthorized: () => {} };

export interface CallOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** call sends JSON and reads JSON; without an answer's body it returns undefined. It throws a Problem. */
export async function call<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
  const headers = new Headers(options.headers);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const answer = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: options.signal,
    cache: "no-store",
    credentials: "same-origin",
  });
  if (!answer.ok) {
    const problem = await problemOf(answer);
    if (problem.status === 401 && path !== "/api/v1/session" && path !== "/api/v1/me") hooks.unauthorized();
    throw problem;
  }
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export const get = <T>(path: string, options?: CallOptions) => call<T>("GET", path, undefined, options);
export const post = <T>(path: string, body?: unknown, options?: CallOptions) => call<T>("POST", path, body ?? {}, options);
export const put = <T>(path: string, body?: unknown) => call<T>("PUT", path, body ?? {});
export const del = <T = void>(path: string) => call<T>("DELETE", path);

/** missing tells whether the server answered that it has no such route or thing. */
export const missing = (err: unknown) => err instanceof Problem && (err.status === 404 || err.status === 405);
