// Sources of data that comes by itself.
import { del, post } from "../../lib/http";
import { orgs } from "../../lib/session";
import { plural } from "../../lib/text";
import { Badge, Button, Empty, Field } from "../../ui/parts";
import { Act, Head, Rows, Shown, Time, attempt, part, useGet, type Values } from "./parts";

interface Source {
  id: string;
  name: string;
  kind: string;
  org: string;
  typetag: string;
  url?: string;
  path?: string;
  listen?: string;
  enabled: boolean;
  state: string;
  tried?: string;
  success?: string;
  error?: string;
  note?: string;
  records: number;
}

const tones: Record<string, string> = { running: "ok", failing: "fault", waiting: "busy" };

// Kinds that need no more than an address. A websocket sends by itself and has no period.
const kinds: Record<string, string> = { http: "feed at an address", misp: "MISP feed", taxii: "TAXII collection", websocket: "websocket" };

const add = ({ period, kind, ...rest }: Values) =>
  post("/api/v1/sources", { ...rest, kind, ...(kind !== "websocket" && period ? { period } : {}), ...(kind === "misp" ? { mode: "feed" } : {}) });

/** Sources lists those of the organisations that I administer, by organisation. */
export function Sources() {
  const list = useGet<{ sources: Source[] }>("/api/v1/sources", 5);
  const formats = useGet<{ typetags: { typetag: string }[] }>("/api/v1/typetags");
  const mine = orgs.value.filter((o) => o.admin);
  return (
    <>
      <Head about="A source brings data by itself.">
        <Act words="Add a source" icon="add" kind="primary" go="Add" done="The source is added and starts within seconds." send={async (values) => { await add(values); await list.reload(); }}>
          <Field label="Name">{(a) => <input {...a} name="name" required autofocus autocomplete="off" />}</Field>
          <Field label="Organisation">{(a) => <select {...a} name="org">{mine.map((o) => <option value={o.hash}>{o.title || o.name}</option>)}</select>}</Field>
          <Field label="Kind" help={<>Files, syslog and all settings: <code>cybexp source add --help</code></>}>
            {(a) => <select {...a} name="kind">{Object.entries(kinds).map(([value, text]) => <option value={value}>{text}</option>)}</select>}
          </Field>
          <Field label="Address">{(a) => <input {...a} name="url" type="url" required placeholder="https://" autocomplete="off" />}</Field>
          <Field label="Format">{(a) => <select {...a} name="typetag">{formats.value?.typetags.map((f) => <option>{f.typetag}</option>)}</select>}</Field>
          <Field label="Period" help="From one look to the next, such as 15m or 12h.">{(a) => <input {...a} name="period" value="1h" autocomplete="off" />}</Field>
          <Field label="Secret" help="If the server wants one. It is sealed and never shown again.">{(a) => <input {...a} name="secret" type="password" autocomplete="off" />}</Field>
        </Act>
      </Head>
      <Shown of={list}>{({ sources }) => (
        sources.length === 0
          ? <Empty icon="bring" title="No sources yet"><p>Add a feed here, or anything else with <code>cybexp source add</code>.</p></Empty>
          : <>{mine.map((o) => {
              const its = sources.filter((s) => s.org === o.hash);
              return its.length > 0 && (
                <section class="run-part" key={o.hash}>
                  <h2>{o.title || o.name}</h2>
                  <Rows heads={["Source", "State", "Last run", "Brought"]}>{its.map((s) => <Line source={s} reload={list.reload} key={s.id} />)}</Rows>
                </section>
              );
            })}</>
      )}</Shown>
    </>
  );
}

function Line({ source: s, reload }: { source: Source; reload: () => Promise<void> }) {
  const path = `/api/v1/sources/${part(s.id)}`;
  const start = s.enabled ? "Run now" : "Start";
  const change = async (verb: string) => { await attempt(post(`${path}/${verb}`)); await reload(); };
  return (
    <tr>
      <td class="run-wide"><div><strong>{s.name}</strong> <span class="soft">{s.kind} · {s.typetag}</span>
        <div class="soft run-break">{s.url ?? s.path ?? s.listen}</div>
        {s.error && <p class="field-error">{s.error}</p>}{s.note && <p class="help">{s.note}</p>}</div></td>
      <td class="tight" data-label="State"><Badge tone={tones[s.state]}>{s.state}</Badge></td>
      <td class="tight" data-label="Last run"><Time at={s.tried ?? s.success} /></td>
      <td class="tight" data-label="Brought">{plural(s.records, "record")}</td>
      <td class="tight"><span class="actions">
        <Button kind="quiet" icon="play" aria-label={`${start} ${s.name}`} onClick={() => void change("start")}>{start}</Button>
        {s.enabled && <Button kind="quiet" icon="stop" aria-label={`Stop ${s.name}`} onClick={() => void change("stop")}>Stop</Button>}
        <Act words="Delete" about={s.name} icon="trash" kind="quiet" title={`Delete the source “${s.name}”?`} done="The source is deleted." send={async () => { await del(path); await reload(); }}>
          <p>Nothing comes from it any more. What it brought stays.</p>
        </Act>
      </span></td>
    </tr>
  );
}
