import { dismiss, toasts } from "../lib/toasts";
import { IconButton } from "../ui/parts";

/** Toasts shows short messages in a corner, and has them read out. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite" aria-atomic="false">
      {toasts.value.map((t) => (
        <div class={`toast ${t.kind}`} key={t.id}>
          <div>{t.href ? <a href={t.href} onClick={() => dismiss(t.id)}>{t.text}</a> : t.text}</div>
          <IconButton icon="close" label="Dismiss" onClick={() => dismiss(t.id)} />
        </div>
      ))}
    </div>
  );
}
