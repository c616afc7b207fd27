// Short messages that come and go. They are read out, and can be read again in the list of notifications.
import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  kind: "info" | "ok" | "fault";
  text: string;
  href?: string;
  at: number;
}

const shown = 6000;
const kept = 50;
let number = 0;

/** toasts are those on the screen now, notices the last ones, newest first. */
export const toasts = signal<Toast[]>([]);
export const notices = signal<Toast[]>([]);
export const unread = signal(0);

/** tell shows a message. A fault stays until it is dismissed. */
export function tell(text: string, kind: Toast["kind"] = "info", href?: string): void {
  const toast = { id: ++number, kind, text, href, at: Date.now() };
  toasts.value = [...toasts.value, toast].slice(-4);
  if (kind !== "fault") setTimeout(() => dismiss(toast.id), shown);
}

/** notify is tell for what one wants to find again. */
export function notify(text: string, href?: string): void {
  tell(text, "info", href);
  notices.value = [{ id: ++number, kind: "info" as const, text, href, at: Date.now() }, ...notices.value].slice(0, kept);
  unread.value++;
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((t) => t.id !== id);
}
