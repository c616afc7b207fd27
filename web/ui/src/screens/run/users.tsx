// All users, for superusers.
import { post, put } from "../../lib/http";
import { me } from "../../lib/session";
import { Badge, Field } from "../../ui/parts";
import { Act, Head, Rows, Shown, part, useGet } from "./parts";

interface User {
  hash: string;
  email: string;
  name: string;
  super?: boolean;
  disabled?: boolean;
}

const Password = ({ help, required }: { help?: string; required?: boolean }) => (
  <Field label="Password" help={help}>{(a) => <input {...a} name="password" type="password" autocomplete="new-password" required={required} />}</Field>
);

/** Users lists all users, makes them, sets their passwords and locks them out. */
export function Users() {
  const list = useGet<{ users: User[] }>("/api/v1/users");
  const change = async (what: Promise<unknown>) => { await what; await list.reload(); };
  return (
    <>
      <Head about="Users cannot be deleted or renamed, but disabled.">
        <Act words="New user" icon="add" kind="primary" go="Make it" done="The user is made."
          send={({ email, name, password, super: all }) => change(post("/api/v1/users", { email, name, password, super: all === "on" }))}>
          <Field label="E-mail">{(a) => <input {...a} name="email" type="email" required autofocus autocomplete="off" />}</Field>
          <Field label="Name">{(a) => <input {...a} name="name" autocomplete="off" />}</Field>
          <Password help="Without one they sign in with tokens only." />
          <label class="run-check"><input type="checkbox" name="super" /> Superuser: makes users and organisations</label>
        </Act>
      </Head>
      <Shown of={list}>{({ users }) => (
        <Rows heads={["Who", "E-mail", "State"]}>
          {users.map((u) => {
            const path = `/api/v1/users/${part(u.hash)}`;
            return (
              <tr key={u.hash}>
                <td><strong>{u.name || u.email}</strong></td>
                <td data-label="E-mail">{u.email}</td>
                <td class="tight" data-label="State"><span>{u.super && <Badge tone="busy">superuser</Badge>} {u.disabled ? <Badge tone="warn">disabled</Badge> : !u.super && "user"}</span></td>
                <td class="tight"><span class="actions">
                  <Act words="Set password" about={`of ${u.email}`} kind="quiet" title={`Password of ${u.email}`} go="Set it" done="The password is set. Their sessions have ended."
                    send={({ password }) => put(`${path}/password`, { password })}><Password required /></Act>
                  {u.hash !== me.value?.hash && (
                    <Act words={u.disabled ? "Enable" : "Disable"} about={u.email} kind="quiet" title={`${u.disabled ? "Enable" : "Disable"} ${u.email}?`}
                      send={() => change(put(`${path}/disabled`, { disabled: !u.disabled }))}>
                      <p>{u.disabled ? "They may sign in again. What they are to organisations has stayed." : "Their sessions and tokens are worthless from now on, and they cannot sign in."}</p>
                    </Act>
                  )}
                </span></td>
              </tr>
            );
          })}
        </Rows>
      )}</Shown>
    </>
  );
}
