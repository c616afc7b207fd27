import "./run.css";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { go, place } from "../../lib/router";
import { me, orgs, type Org } from "../../lib/session";
import { Tabs } from "../../ui/parts";
import { Dead } from "./dead";
import { Health } from "./health";
import { Orgs } from "./orgs";
import { Shown, useGet } from "./parts";
import { Sources } from "./sources";
import { Tokens } from "./tokens";
import { Users } from "./users";

interface Section {
  name: string;
  label: string;
  view: ComponentType;
  may?: (admin: boolean, superuser: boolean) => boolean; // whom it is for; all without
}

const sections: Section[] = [
  { name: "orgs", label: "Organisations", view: Orgs },
  { name: "tokens", label: "Tokens", view: Tokens },
  { name: "sources", label: "Sources", view: Sources, may: (admin) => admin },
  { name: "dead", label: "Dead letters", view: Dead, may: (admin, superuser) => admin || superuser },
  { name: "users", label: "Users", view: Users, may: (_, superuser) => superuser },
  { name: "health", label: "Health", view: Health, may: (_, superuser) => superuser },
];

/** Run is where the platform is looked after, each section for whom it concerns. */
export default function Run() {
  const list = useGet<{ orgs: Org[] }>("/api/v1/orgs");
  useEffect(() => { if (list.value) orgs.value = list.value.orgs; }, [list.value]);
  return (
    <div class="screen run">
      <div class="screen-head"><h1>Run</h1></div>
      <Shown of={list}>{() => <Sections />}</Shown>
    </div>
  );
}

function Sections() {
  const mine = sections.filter((s) => !s.may || s.may(orgs.value.some((o) => o.admin), me.value?.super ?? false));
  const current = mine.find((s) => place.value.path === `/run/${s.name}`) ?? mine[0]!;
  return (
    <>
      <Tabs id="run" label="Sections" tabs={mine} current={current.name} choose={(name) => go(`/run/${name}`)} />
      <div class="run-panel" role="tabpanel" id="run-panel" aria-labelledby={`run-${current.name}`}><current.view key={current.name} /></div>
    </>
  );
}
