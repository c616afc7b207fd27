// My tokens and my password.
import { useState } from "preact/hooks";
import { del, post } from "../../lib/http";
import { changePassword } from "../../lib/session";
import { Badge, Button, Copy, Field } from "../../ui/parts";
import { Act, Head, Rows, Shown, Time, part, useGet, type Values } from "./parts";

interface Token {
  id: string;
  label: string;
  right: string;
  session?: boolean;
  created: string;
  expires: string;
}

const rights = { full: "all that you may", read: "read only", upload: "upload only" } as Record<string, string>;

/** Tokens lists mine, makes and revokes them. */
export function Tokens() {
  const list = useGet<{ tokens: Token[] }>("/api/v1/tokens");
  const [made, setMade] = useState<(Token & { token: string }) | null>(null);
  const create = async ({ label, right, days }: Values) => {
    setMade(await post<Token & { token: string }>("/api/v1/tokens", { label, right, ttl: `${Number(days) * 24}h` }));
    await list.reload();
  };
  const revoke = async (id: string) => {
    await del(`/api/v1/tokens/${part(id)}`);
    if (made?.id === id) setMade(null);
    await list.reload();
  };
  return (
    <>
      <Head about="A token lets a program do what you may, or a part of it. Its text is shown once and not kept.">
        <Act words="Change password" title="Change my password" go="Change it" done="Your password is changed. Other sessions of yours have ended."
          send={async ({ old, password }) => { await changePassword(old!, password!); await list.reload(); }}>
          <Field label="Old password" help="Empty if you have none yet.">{(a) => <input {...a} name="old" type="password" autocomplete="current-password" autofocus />}</Field>
          <Field label="New password">{(a) => <input {...a} name="password" type="password" autocomplete="new-password" required />}</Field>
        </Act>
        <Act words="New token" icon="add" kind="primary" go="Make it" send={create}>
          <Field label="Label" help="What it is for.">{(a) => <input {...a} name="label" required autofocus autocomplete="off" />}</Field>
          <Field label="Right">{(a) => <select {...a} name="right">{Object.entries(rights).map(([value, text]) => <option value={value}>{text}</option>)}</select>}</Field>
          <Field label="Days" help="Until it expires, a year at most.">{(a) => <input {...a} name="days" type="number" min="1" max="366" value="90" required />}</Field>
        </Act>
      </Head>
      {made && (
        <div class="note ok token-made" role="status">
          <div><strong>{made.label}</strong>: copy it now, it is not shown again. <code>{made.token}</code></div>
          <span class="actions"><Copy text={made.token} words="Copy" /><Button kind="quiet" onClick={() => setMade(null)}>Done</Button></span>
        </div>
      )}
      <Shown of={list}>{({ tokens }) => (
        <Rows heads={["Label", "Right", "Made", "Expires (UTC)"]}>
          {tokens.map((t) => {
            const name = t.label || t.id.slice(0, 8);
            return (
              <tr key={t.id}>
                <td>{t.session ? <><span>Sign-in</span> <Badge>session</Badge></> : <strong>{name}</strong>}</td>
                <td data-label="Right">{rights[t.right] ?? t.right}</td>
                <td class="tight" data-label="Made"><Time at={t.created} /></td>
                <td class="tight" data-label="Expires"><Time at={t.expires} ahead /></td>
                <td class="tight">
                  <Act words="Revoke" about={t.session ? "sign-in" : name} icon="trash" kind="quiet" title={t.session ? "End this sign-in?" : `Revoke “${name}”?`} go="Revoke" done="It is revoked."
                    send={() => revoke(t.id)}>
                    <p>Who uses it is refused from now on; this cannot be undone.{t.session && " If it is the one of this page, you have to sign in again."}</p>
                  </Act>
                </td>
              </tr>
            );
          })}
        </Rows>
      )}</Shown>
    </>
  );
}
