import "./see.css";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Detail } from "../detail";
import { place } from "../lib/router";
import type { Instance } from "../model/instance";
import type { Result } from "../model/result";
import { Icon } from "../ui/icons";
import { Button, Copy, Fault, Menu, Tabs } from "../ui/parts";
import { Life } from "./life";
import { TimelineSlot } from "./timeline-slot";
import { ViewOf } from "./view-of";
import { views } from "./views";

/** See shows a result: how it stands, when it happened, its rows in one of several views, and the details of the one that was chosen. */
export function See({ result, faults, timeline = false }: { result: Result; faults: ComponentChildren; timeline?: boolean }) {
  const [chosen, choose] = useState<Instance | null>(null);
  const [view, setView] = useState(place.value.params.get("view") ?? "");
  useEffect(() => choose(null), [result]);
  const kind = result.kind.value;
  const fitting = views.filter((v) => v.fits(kind, result.fields.value));
  const current = fitting.find((v) => v.name === view) ?? fitting[0]!;
  const canonical = result.canonical.value;
  const problem = result.problem.value;
  return (
    <section class="see" aria-label="Result">
      <div class="see-bar">
        {fitting.length > 1 && held(result) && <Tabs id="view" label="View" tabs={fitting} current={current.name} choose={setView} />}
        <Life result={result} />
        {!result.ended && <Button icon="stop" onClick={() => result.cancel()}>Cancel</Button>}
        {result.report.value && result.held.value > 0 && <Exports result={result} />}
      </div>
      {canonical && (
        <div class="canonical">
          <span class="unseen">The query as the server understood it</span>
          <code title={canonical}>{canonical}</code>
          <Copy text={canonical} label="Copy the query as the server understood it" />
        </div>
      )}
      {(problem || result.warnings.value.length > 0) && (
        <div class="see-notes">
          {problem && (problem.faults.length > 0 ? faults : <Fault error={problem} />)}
          {result.warnings.value.map((w) => (
            <div class="note warn"><Icon name="warn" /><div>{w.message}{w.hint && <> <span>{w.hint}</span></>}</div></div>
          ))}
        </div>
      )}
      {timeline && current.name === "table" && <TimelineSlot result={result} key={result.report.value} />}
      <div class="see-body" id="view-panel">
        <div class="see-view"><ViewOf key={current.name} view={current} result={result} chosen={chosen} choose={choose} /></div>
        {chosen && <Detail instance={chosen} kind={kind} close={() => { choose(null); document.querySelector<HTMLElement>(".grid")?.focus(); }} />}
      </div>
    </section>
  );
}

const held = (result: Result) => result.held.value > 0;

function Exports({ result }: { result: Result }) {
  const at = (format: string) => `/api/v1/reports/${encodeURIComponent(result.report.value)}/rows?format=${format}`;
  const stix = ["events", "attributes", "objects", "sessions", "instances"].includes(result.kind.value);
  return (
    <Menu label="Export" icon="export" kind="plain" align="right" items={[
      { label: "CSV", hint: "a line a row", href: at("csv"), download: true },
      { label: "JSON", hint: "one array", href: at("json"), download: true },
      { label: "NDJSON", hint: "an object a line", href: at("ndjson"), download: true },
      ...(stix ? [{ label: "STIX 2.1", hint: "one bundle", href: at("stix"), download: true }] : []),
    ]} />
  );
}
