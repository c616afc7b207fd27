// Organisations, and who is in them.
import { del, get, post, put } from "../../lib/http";
import { go, place } from "../../lib/router";
import { me, orgs, type Org } from "../../lib/session";
import { Badge, Empty, Field } from "../../ui/parts";
import { Act, Head, Rows, Shown, attempt, part, useGet, type Values } from "./parts";

type Role = "admin" | "member" | "reader";

interface Member {
  hash: string;
  email: string;
  name: string;
  disabled?: boolean;
  role: Role;
  reads: boolean;
}

type Detail = Org & { members: Member[] };

const roles: [Role, string][] = [["reader", "reader"], ["member", "member"], ["admin", "administrator"]];
const at = (name: string) => `/run/orgs?org=${part(name)}`;

async function refresh(): Promise<void> {
  orgs.value = (await get<{ orgs: Org[] }>("/api/v1/orgs")).orgs;
}

/** Orgs lists the organisations that I read or administer, and shows the people of one. */
export function Orgs() {
  const list = orgs.value;
  const wanted = place.value.params.get("org") ?? list.find((o) => o.admin)?.name;
  const create = async ({ name, title, admin }: Values) => {
    await post("/api/v1/orgs", { name, title, admins: admin ? [admin] : [] });
    await refresh();
    go(at(name!));
  };
  return (
    <>
      <Head about="An organisation owns data. Its administrators say who reads it.">
        {me.value?.super && (
          <>
            <Act words="Look up" title="Look up an organisation" go="Show" send={async ({ name }) => { await get(`/api/v1/orgs/${part(name!)}`); go(at(name!)); }}>
              <Field label="Name" help="Also of one whose data you do not read.">{(a) => <input {...a} name="name" required autofocus autocomplete="off" />}</Field>
            </Act>
            <Act words="New organisation" icon="add" kind="primary" go="Make it" done="The organisation is made." send={create}>
              <Field label="Name" help="Short, and for good.">{(a) => <input {...a} name="name" required autofocus autocomplete="off" />}</Field>
              <Field label="Title">{(a) => <input {...a} name="title" autocomplete="off" />}</Field>
              <Field label="Administrator" help="An e-mail address. You, if nobody is named.">{(a) => <input {...a} name="admin" type="email" autocomplete="off" />}</Field>
            </Act>
          </>
        )}
      </Head>
      {list.length === 0 && <Empty icon="user" title="No organisation yet"><p>{me.value?.super ? "You read none. Make one, or look one up." : "An administrator of one can put you on its reading list."}</p></Empty>}
      {list.length > 0 && (
        <Rows heads={["Organisation", "Name", "You"]}>
          {list.map((o) => (
            <tr key={o.hash}>
              <td><strong>{o.title || o.name}</strong></td>
              <td data-label="Name">{o.name}</td>
              <td data-label="You">{o.admin ? "administer it" : "read it"}</td>
              <td class="tight">{o.admin && <a class="button quiet" href={at(o.name)} aria-current={o.name === wanted || undefined}>People</a>}</td>
            </tr>
          ))}
        </Rows>
      )}
      {wanted && <People name={wanted} key={wanted} />}
    </>
  );
}

function People({ name }: { name: string }) {
  const path = `/api/v1/orgs/${part(name)}`;
  const detail = useGet<Detail>(path);
  const mine = (who: string) => who === me.value?.hash || who === me.value?.email;
  // A change answers with the organisation. Who takes away their own rights sees less from then on.
  const change = async (who: string, what: Promise<Detail>) => {
    detail.set(await what);
    if (mine(who)) await refresh();
  };
  const member = (who: string) => `${path}/members/${part(who)}`;
  const set = (who: string, role: string, reads = true) => change(who, put<Detail>(member(who), { role, reads }));
  return (
    <Shown of={detail}>{(org) => (
      <>
        <div class="run-head">
          <h2>People of {org.title || org.name}</h2>
          <Act words="Add somebody" icon="add" go="Add" send={({ email, role }) => set(email!, role!)}>
            <Field label="E-mail" help="Of a user that there is.">{(a) => <input {...a} name="email" type="email" required autofocus autocomplete="off" />}</Field>
            <Field label="Role" help="Readers see its events. Members belong to it. Administrators upload, run its sources and say who is in it.">
              {(a) => <select {...a} name="role"><Roles /></select>}
            </Field>
          </Act>
        </div>
        <Rows heads={["Who", "Role", "Reads its data"]}>
          {org.members.map((m) => <Person m={m} key={m.hash} set={(role, reads) => set(m.hash, role, reads)}
            remove={() => change(m.hash, del<Detail>(member(m.hash)))} />)}
        </Rows>
      </>
    )}</Shown>
  );
}

const Roles = () => <>{roles.map(([value, label]) => <option value={value}>{label}</option>)}</>;

function Person({ m, set, remove }: { m: Member; set: (role: Role, reads?: boolean) => Promise<void>; remove: () => Promise<void> }) {
  return (
    <tr>
      <td><div><strong>{m.name || m.email}</strong> {m.disabled && <Badge tone="warn">disabled</Badge>}{m.name && <div class="soft">{m.email}</div>}</div></td>
      <td class="tight" data-label="Role">
        <select aria-label={`Role of ${m.email}`} value={m.role} onChange={async ({ currentTarget: box }) => {
          if (!await attempt(set(box.value as Role), `${m.email}: ${box.selectedOptions[0]?.text}.`)) box.value = m.role;
        }}><Roles /></select>
      </td>
      <td class="tight" data-label="Reads">
        {m.role === "member"
          ? <label class="run-check"><input type="checkbox" aria-label={`${m.email} reads its data`} checked={m.reads} onChange={async ({ currentTarget: box }) => {
              if (!await attempt(set(m.role, box.checked))) box.checked = m.reads;
            }} /></label>
          : m.reads ? "yes" : "no"}
      </td>
      <td class="tight">
        <Act words="Remove" about={m.email} icon="trash" kind="quiet" title={`Remove ${m.email}?`} go="Remove" send={remove}>
          <p>They are nothing to the organisation any more. What they are asking of it now ends.</p>
        </Act>
      </td>
    </tr>
  );
}
