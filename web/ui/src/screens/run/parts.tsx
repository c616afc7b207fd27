// What the sections of this screen share: lists that are fetched, and buttons that ask before they do something.
import type { ComponentChildren, TargetedEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "../../lib/http";
import { textOf } from "../../lib/problem";
import { ago, when } from "../../lib/text";
import { tell } from "../../lib/toasts";
import { Busy, Button, Dialog, Fault, type ButtonProps } from "../../ui/parts";

export interface Loaded<T> {
  value: T | null;
  error: unknown;
  reload: () => Promise<void>;
  set: (value: T) => void;
}

/** useGet fetches what is at a path, and again every so many seconds while somebody looks. */
export function useGet<T>(path: string, every = 0): Loaded<T> {
  const [value, set] = useState<T | null>(null);
  const [error, setError] = useState<unknown>(null);
  const reload = () => get<T>(path).then((v) => { set(v); setError(null); }, setError);
  useEffect(() => {
    set(null);
    void reload();
    if (!every) return;
    const timer = setInterval(() => { if (!document.hidden) void reload(); }, every * 1000);
    return () => clearInterval(timer);
  }, [path]);
  return { value, error, reload, set };
}

/** Shown shows what was fetched, or that it is not here yet, or why. */
export function Shown<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  return (
    <>
      {of.error !== null && <Fault error={of.error} />}
      {of.value === null ? of.error === null && <Busy /> : children(of.value)}
    </>
  );
}

/** attempt does something and says what became of it. */
export async function attempt(what: Promise<unknown>, done = ""): Promise<boolean> {
  try {
    await what;
    if (done) tell(done, "ok");
    return true;
  } catch (err) {
    tell(textOf(err), "fault");
    return false;
  }
}

export type Values = Record<string, string>;

interface ActProps extends Omit<ButtonProps, "title" | "action"> {
  words: string; // on the button
  about?: string; // what it is done to, where the button stands in a row
  title?: string; // of the window
  go?: string; // on the button that does it
  done?: string;
  send: (values: Values) => Promise<unknown>;
}

/** Act is a button that opens a window with fields or a question, and does it there. */
export function Act({ words, about, title = words, go = words, done, send, children, ...button }: ActProps) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values: Values = {};
    for (const [name, value] of new FormData(event.currentTarget)) values[name] = name === "password" || name === "old" ? String(value) : String(value).trim();
    setBusy(true);
    setError(null);
    try {
      await send(values);
      setOpen(false);
      if (done) tell(done, "ok");
    } catch (err) {
      setError(err);
    }
    setBusy(false);
  };
  const danger = button.kind === "danger" || button.icon === "trash";
  return (
    <>
      <Button {...button} aria-label={about && `${words} ${about}`} onClick={() => { setError(null); setOpen(true); }}>{words}</Button>
      {open && (
        <Dialog title={title} close={() => setOpen(false)}>
          <form class="form" onSubmit={(event) => void submit(event)}>
            {children}
            {error !== null && <Fault error={error} />}
            <div class="actions">
              <Button type="submit" kind={danger ? "danger" : "primary"} disabled={busy}>{go}</Button>
              <Button kind="quiet" onClick={() => setOpen(false)}>Cancel</Button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}

/** Head is the head of a section: what it is, and what can be done. */
export function Head({ about, children }: { about: ComponentChildren; children?: ComponentChildren }) {
  return <div class="run-head"><p>{about}</p><div class="actions">{children}</div></div>;
}

/** Rows is a table whose last column is what can be done. On a phone the heads are labels. */
export function Rows({ heads, children }: { heads: string[]; children: ComponentChildren }) {
  return (
    <div class="panel">
      <table class="list">
        <thead><tr>{heads.map((h) => <th>{h}</th>)}<th><span class="unseen">Actions</span></th></tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** Time says how long ago something was, and exactly when in its tip. */
export function Time({ at, ahead }: { at?: string; ahead?: boolean }) {
  return at ? <time dateTime={at} title={`${when(at)} UTC`}>{ahead ? when(at).slice(0, 16) : ago(at)}</time> : <span class="soft">never</span>;
}

/** Coded is a text of the server's whose words in backquotes are commands. */
export const Coded = ({ text }: { text: string }) => <>{text.split("`").map((part, i) => (i % 2 ? <code>{part}</code> : part))}</>;

/** part makes a name a part of a path. */
export const part = encodeURIComponent;
