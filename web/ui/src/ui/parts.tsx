// Small parts that all screens are made of.
import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Problem, textOf } from "../lib/problem";
import { tell } from "../lib/toasts";
import { Icon, type IconName } from "./icons";

export interface ButtonProps extends Omit<ButtonHTMLAttributes, "icon"> {
  icon?: IconName;
  kind?: "primary" | "plain" | "quiet" | "danger";
  children?: ComponentChildren;
}

/** Button is a button with words and perhaps an icon. */
export function Button({ icon, kind = "plain", children, class: more, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`button ${kind}${more ? ` ${more}` : ""}`}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** IconButton shows only its icon; its words are for screen readers and the tip. */
export function IconButton({ icon, label, ...rest }: { icon: IconName; label: string } & ButtonHTMLAttributes) {
  return (
    <button type="button" title={label} aria-label={label} {...rest} class={`button quiet only-icon${rest.class ? ` ${rest.class}` : ""}`}>
      <Icon name={icon} />
    </button>
  );
}

interface FieldProps {
  label: string;
  help?: ComponentChildren;
  error?: string;
  children: (attributes: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ComponentChildren;
}

/** Field is a label, a control, help and an error that belong together. */
export function Field({ label, help, error, children }: FieldProps) {
  const id = useId();
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": error ? true : undefined })}
      {help && <p class="help" id={`${id}-help`}>{help}</p>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

/** Dialog is a modal window. It is shown while it is rendered; closing is for its owner, in close. */
export function Dialog({ title, close, children, wide }: { title: string; close: () => void; children: ComponentChildren; wide?: boolean }) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const back = document.activeElement;
    box.current?.showModal();
    return () => { if (back instanceof HTMLElement) back.focus(); };
  }, []);
  return (
    <dialog
      ref={box}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); close(); }}
      onClick={(event) => { if (event.target === box.current) close(); }}
    >
      <div class="dialog-head">
        <h2 id={id}>{title}</h2>
        <IconButton icon="close" label="Close" onClick={close} />
      </div>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

export interface MenuItem {
  label: string;
  hint?: string;
  icon?: IconName;
  run?: () => void;
  href?: string;
  download?: boolean;
}

/** Menu is a button with a list of things to do; arrows move in it. */
export function Menu({ label, icon, items, kind = "quiet", align = "left", up = false }:
  { label: ComponentChildren; icon?: IconName; items: MenuItem[]; kind?: "plain" | "quiet"; align?: "left" | "right"; up?: boolean }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const away = (event: Event) => { if (!box.current?.contains(event.target as Node)) setOpen(false); };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const shut = () => {
    setOpen(false);
    box.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const move = (event: KeyboardEvent) => {
    const all = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") shut();
    else if (event.key === "Tab") return setOpen(false);
    else if (to !== undefined && all.length > 0) all[to % all.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu" ref={box} onKeyDown={open ? move : undefined}>
      <button type="button" class={`button ${kind}`} aria-haspopup="menu" aria-expanded={open} aria-controls={open ? id : undefined} onClick={() => setOpen(!open)}>
        {icon && <Icon name={icon} />}
        {label}
        <Icon name="down" size={12} />
      </button>
      {open && (
        <div class={`menu-list ${align}${up ? " up" : ""}`} role="menu" id={id}>
          {items.map((item) => item.href
            ? <a role="menuitem" tabIndex={-1} href={item.href} download={item.download} onClick={shut}>{item.icon && <Icon name={item.icon} />}<span>{item.label}</span>{item.hint && <small>{item.hint}</small>}</a>
            : <button type="button" role="menuitem" tabIndex={-1} onClick={() => { shut(); item.run?.(); }}>{item.icon && <Icon name={item.icon} />}<span>{item.label}</span>{item.hint && <small>{item.hint}</small>}</button>)}
        </div>
      )}
    </div>
  );
}

/** Tabs is a row of tabs. The panel is the caller's, with id `${id}-panel`. */
export function Tabs<T extends string>({ id, label, tabs, current, choose }:
  { id: string; label: string; tabs: { name: T; label: ComponentChildren; icon?: IconName }[]; current: T; choose: (name: T) => void }) {
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex((t) => t.name === current);
    const next = tabs[(at + step + tabs.length) % tabs.length]!;
    choose(next.name);
    document.getElementById(`${id}-${next.name}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map((t) => (
        <button type="button" role="tab" id={`${id}-${t.name}`} aria-selected={t.name === current} aria-controls={`${id}-panel`}
          tabIndex={t.name === current ? 0 : -1} onClick={() => choose(t.name)}>
          {t.icon && <Icon name={t.icon} />}
          {t.label}
        </button>
      ))}
    </div>
  );
}

/** Fault shows an error and what to do about it. */
export function Fault({ error, title }: { error: unknown; title?: string }) {
  const id = error instanceof Problem ? error.requestId : "";
  return (
    <div class="note fault" role="alert">
      <Icon name="warn" />
      <div>
        {title && <strong>{title} </strong>}
        {textOf(error)}
        {id && <small class="soft"> Request {id}</small>}
      </div>
    </div>
  );
}

/** Empty says why there is nothing, and what to do. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={28} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Copy copies a text. */
export function Copy({ text, label = "Copy", words }: { text: string; label?: string; words?: string }) {
  const copy = () => copyText(text);
  return words ? <Button kind="quiet" icon="copy" onClick={copy}>{words}</Button> : <IconButton icon="copy" label={label} onClick={copy} />;
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.", "ok");
  } catch {
    tell("The browser does not allow copying here. Select the text and copy it.", "fault");
  }
}

export function Busy({ label = "Loading" }: { label?: string }) {
  return <span class="busy" role="status"><span class="spinner" aria-hidden="true" />{label}…</span>;
}

/** Badge is a word with a colour, for a state or a kind. */
export function Badge({ tone = "plain", children }: { tone?: string; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}
