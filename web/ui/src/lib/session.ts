// Who is signed in.
import { signal } from "@preact/signals";
import { call, get, hooks, post, put } from "./http";
import { Problem, textOf } from "./problem";
import { line } from "./socket";

export interface Me {
  hash: string;
  email: string;
  name: string;
  super: boolean;
}

export interface Org {
  hash: string;
  name: string;
  title: string;
  admin: boolean;
  member: boolean;
}

/** me is the user; null is nobody; undefined is not known yet. */
export const me = signal<Me | null | undefined>(undefined);
/** orgs are the organisations whose data I may read or which I administer. */
export const orgs = signal<Org[]>([]);
/** reason is why one has to sign in again. */
export const reason = signal("");

const ended = () => leave("Your session has ended. Sign in again.");
hooks.unauthorized = ended;

let renewal: Promise<unknown> | null = null;
line.onRefused = () => {
  if (renewal) void renewal.then(() => line.again(), ended);
  else ended();
  renewal = null;
};

/** changePassword ends all my sessions. The page gets a new one, with which its line goes on. */
export async function changePassword(old: string, password: string): Promise<void> {
  renewal = put("/api/v1/me/password", { old, password });
  try {
    await renewal;
  } catch (err) {
    renewal = null;
    throw err;
  }
}

/** load finds out whether there is a session. */
export async function load(): Promise<void> {
  try {
    enter(await get<Me>("/api/v1/me"));
  } catch (err) {
    if (!(err instanceof Problem && err.status === 401)) reason.value = textOf(err);
    me.value = null;
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  await post("/api/v1/session", { email, password });
  enter(await get<Me>("/api/v1/me"));
}

/** signInWithToken makes the token the session's: the server puts it into the cookie, and the page forgets it. */
export async function signInWithToken(token: string): Promise<void> {
  await call("POST", "/api/v1/session", {}, { headers: { Authorization: `Bearer ${token}` } });
  enter(await get<Me>("/api/v1/me"));
}

export async function signOut(): Promise<void> {
  await call("DELETE", "/api/v1/session").catch(() => {});
  leave("");
}

function enter(who: Me): void {
  reason.value = "";
  me.value = who;
  line.open();
  get<{ orgs: Org[] }>("/api/v1/orgs").then(
    (answer) => { orgs.value = answer.orgs ?? []; },
    () => { orgs.value = []; },
  );
}

function leave(why: string): void {
  line.close();
  reason.value = why;
  orgs.value = [];
  me.value = null;
}
