import type { TargetedEvent } from "preact";
import { useState } from "preact/hooks";
import { textOf } from "../lib/problem";
import { reason, signIn, signInWithToken } from "../lib/session";
import { Button, Field } from "../ui/parts";

/** SignIn asks for address and password, or for a token. */
export function SignIn() {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const send = (how: (form: FormData) => Promise<void>) => async (event: TargetedEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setError("");
    setBusy(true);
    try {
      await how(form);
    } catch (err) {
      setError(textOf(err));
      setBusy(false);
    }
  };
  const text = (form: FormData, name: string) => String(form.get(name) ?? "").trim();
  return (
    <main class="sign-in">
      <div class="panel">
        <h1 class="brand"><img src="/icon.svg" alt="" width="28" height="28" />Cybex-P</h1>
        {(error || reason.value) && <p class="note fault" role="alert">{error || reason.value}</p>}
        <form onSubmit={send((form) => signIn(text(form, "email"), String(form.get("password") ?? "")))}>
          <Field label="E-mail">{(a) => <input {...a} name="email" type="email" autocomplete="username" required autofocus />}</Field>
          <Field label="Password">{(a) => <input {...a} name="password" type="password" autocomplete="current-password" required />}</Field>
          <Button kind="primary" type="submit" disabled={busy}>Sign in</Button>
        </form>
        <details>
          <summary>Sign in with a token</summary>
          <form onSubmit={send((form) => signInWithToken(text(form, "token")))}>
            <Field label="Token" help={<>An administrator gives you one. The first one’s own is in <code>admin.token</code> in the data folder.</>}>
              {(a) => <input {...a} name="token" type="password" autocomplete="off" spellcheck={false} required />}
            </Field>
            <Button type="submit" disabled={busy}>Use the token</Button>
          </form>
        </details>
      </div>
    </main>
  );
}
