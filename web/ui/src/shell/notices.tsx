import { useEffect } from "preact/hooks";
import { ago } from "../lib/text";
import { notices, unread } from "../lib/toasts";
import { Dialog } from "../ui/parts";

/** Notices lists what was told while one looked elsewhere. */
export function Notices({ close }: { close: () => void }) {
  useEffect(() => { unread.value = 0; }, [notices.value]);
  return (
    <Dialog title="Notifications" close={close}>
      {notices.value.length === 0
        ? <p class="soft">Nothing yet. A watch tells here when something new matches.</p>
        : (
          <ul class="notices">
            {notices.value.map((n) => (
              <li>
                <time dateTime={new Date(n.at).toISOString()}>{ago(n.at)}</time>
                {n.href ? <a href={n.href} onClick={close}>{n.text}</a> : <span>{n.text}</span>}
              </li>
            ))}
          </ul>
        )}
    </Dialog>
  );
}
