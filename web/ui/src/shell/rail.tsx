import { useState } from "preact/hooks";
import { useKeys } from "../lib/keys";
import { go } from "../lib/router";
import { me, signOut } from "../lib/session";
import { unread } from "../lib/toasts";
import { fresh } from "../model/watches";
import { screens, type Screen } from "../screens";
import { Icon } from "../ui/icons";
import { Button, Menu } from "../ui/parts";
import { KeysSheet } from "./keys-sheet";
import { Notices } from "./notices";

/** Rail is the way from screen to screen, and who one is. */
export function Rail({ current }: { current: Screen }) {
  const [sheet, setSheet] = useState<"keys" | "notices" | null>(null);
  useKeys("Everywhere", [
    { keys: "?", does: "this sheet", run: () => setSheet("keys") },
    ...screens.map((s) => ({ keys: `g ${s.key}`, does: `go to ${s.title}`, run: () => go(s.path) })),
    { keys: "g n", does: "notifications", run: () => setSheet("notices") },
    { keys: "Escape", does: "close what is open" },
  ]);
  const who = me.value!;
  return (
    <header class="rail">
      <a class="brand" href="/"><img src="/icon.svg" alt="" width="22" height="22" />Cybex-P</a>
      <nav class="nav" aria-label="Screens">
        {screens.map((s) => (
          <a href={s.path} aria-current={s === current ? "page" : undefined} title={`${s.title} (g ${s.key})`}>
            <Icon name={s.icon} size={18} />
            {s.title}
            {s.path === "/watches" && fresh.value > 0 && <span class="tally" aria-label={`${fresh.value} new`}>{fresh.value > 99 ? "99+" : fresh.value}</span>}
          </a>
        ))}
      </nav>
      <div class="rail-foot">
        <Button kind="quiet" icon="bell" onClick={() => setSheet("notices")}>
          Notifications{unread.value > 0 && <span class="badge busy">{unread.value}</span>}
        </Button>
        <Button kind="quiet" icon="help" onClick={() => setSheet("keys")}>Keys <kbd>?</kbd></Button>
        <Menu up align="right" icon="user" label={<><span class="who word">{who.name || who.email}</span><span class="phone">You</span></>} items={[
          { label: "Notifications", icon: "bell", run: () => setSheet("notices") },
          { label: "Keys", icon: "help", hint: "?", run: () => setSheet("keys") },
          { label: "Sign out", icon: "out", run: () => void signOut() },
        ]} />
      </div>
      {sheet === "keys" && <KeysSheet close={() => setSheet(null)} />}
      {sheet === "notices" && <Notices close={() => setSheet(null)} />}
    </header>
  );
}
