// app.js is the page: sign in, ask, watch the answer come. The other modules each do one thing for it.
import { byId, count, make, plural } from "./dom.js";
import { showFaults } from "./faults.js";
import { Socket } from "./socket.js";
import { Table } from "./table.js";

const tokenKey = "cybexp.token";
const examples = [
  "events | count by sub_type, category",
  "events category malicious | attributes ipv4, password | top 20",
  "count ipv4 10.10.23.27 by day",
  "ipv4 10.10.23.27 | events | limit 50",
  "related ipv4 10.10.23.27 last 30d",
  "explain url hxxp://example[.]com/login | events last 7d",
];

let socket = null;
let asked = ""; // the text of the query in hand or last run
let report = ""; // its report
let clock = 0; // the timer that counts seconds while it runs
let life = null; // what the status line tells

const table = new Table({
  fields: byId("fields"), rows: byId("rows"), frame: byId("frame"), below: byId("below"),
  shown: byId("shown"), more: byId("more"), wantMore,
});

// wantMore asks for n more rows after the table was full.
function wantMore(n) {
  if (life) life.paused = false;
  socket?.credit(n);
}

// Signing in and out.

async function signIn(token) {
  const answer = await fetch("/api/v1/me", { headers: { Authorization: `Bearer ${token}` }, cache: "no-store" });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? `The server answered ${answer.status}.`);
  }
  const me = await answer.json();
  sessionStorage.setItem(tokenKey, token);
  byId("who-name").textContent = me.name || me.email;
  show(true);
  socket = new Socket(token, { line: lineChanged, refused: tokenRefused, frame: heard });
}

function signOut(reason = "") {
  sessionStorage.removeItem(tokenKey);
  socket?.close();
  socket = null;
  finish();
  table.clear();
  life = null;
  asked = report = "";
  tellLife();
  for (const id of ["faults", "warnings", "canonical"]) byId(id).hidden = true;
  show(false);
  tokenError(reason);
}

function tokenRefused() {
  signOut("The server no longer accepts this token. Sign in again.");
}

function show(signedIn) {
  byId("sign-in").hidden = signedIn;
  byId("desk").hidden = !signedIn;
  byId("who").hidden = !signedIn;
  byId(signedIn ? "query" : "token").focus();
}

function tokenError(text) {
  byId("token-error").textContent = text;
  byId("token-error").hidden = text === "";
}

async function trySignIn(token) {
  tokenError("");
  try {
    await signIn(token);
    byId("token").value = "";
  } catch (err) {
    show(false);
    tokenError(err instanceof TypeError ? "The server cannot be reached." : err.message);
  }
}

// Asking.

function run() {
  const text = byId("query").value;
  if (!socket || text.trim() === "") {
    byId("query").focus();
    return;
  }
  asked = text;
  report = "";
  history.replaceState(null, "", `#q=${encodeURIComponent(text)}`);
  byId("examples").open = false;
  table.clear();
  for (const id of ["faults", "warnings", "canonical", "download"]) byId(id).hidden = true;
  life = { state: "sent", started: Date.now(), rows: 0 };
  running(true);
  socket.ask(text);
}

function running(yes) {
  byId("cancel").hidden = !yes;
  clearInterval(clock);
  if (yes) clock = setInterval(tellLife, 250);
  tellLife();
}

function finish() {
  running(false);
}

// What the server says.

function heard(message) {
  switch (message.type) {
    case "status":
      report = message.report;
      life.state = message.status;
      life.position = message.position;
      break;
    case "header":
      header(message);
      break;
    case "rows":
      life.received = (life.received ?? 0) + message.rows.length;
      life.rows = Math.max(life.rows, life.received);
      life.paused = !table.add(message.rows);
      if (!life.paused) socket.credit(message.rows.length);
      byId("download").hidden = false;
      break;
    case "progress":
      life.rows = Math.max(life.rows, message.rows);
      life.scanned = message.scanned;
      table.made(message.rows);
      break;
    case "end":
      ended(message);
      return;
    case "error":
      failed(message);
      return;
  }
  tellLife();
}

function header(message) {
  table.header(message.fields ?? []);
  life.snapshot = message.snapshot;
  const line = byId("canonical");
  line.textContent = message.canonical ?? "";
  line.hidden = !message.canonical || message.canonical === asked.trim();
}

function ended(message) {
  Object.assign(life, { state: message.status, rows: message.rows, elapsed: message.elapsed_ms, paused: false });
  table.end(message.rows);
  const warnings = message.warnings ?? [];
  byId("warnings").replaceChildren(...warnings.map((w) => make("li", {}, w.hint ? `${w.message} (${w.hint})` : w.message)));
  byId("warnings").hidden = warnings.length === 0;
  finish();
}

function failed(message) {
  Object.assign(life, { state: "failed", elapsed: Date.now() - life.started });
  showFaults(byId("faults"), message, asked, select);
  finish();
}

// select marks a span in the editor, if the editor still holds the text that the span is of.
function select(start, end) {
  const editor = byId("query");
  editor.focus();
  if (editor.value === asked) editor.setSelectionRange(start, end);
}

function lineChanged(state, seconds) {
  if (life === null) life = { rows: 0 };
  life.lost = state === "lost" ? seconds : 0;
  tellLife();
}

// The status line.

const words = {
  sent: "Sent", wait: "Waiting", processing: "Running", ready: "Done", failed: "Failed", cancelled: "Cancelled",
};

function tellLife() {
  const line = byId("status");
  say();
  if (life === null) {
    line.replaceChildren();
    return;
  }
  const parts = [];
  if (life.state) {
    const name = life.paused ? "Paused" : words[life.state] ?? life.state;
    parts.push(make("span", { className: "state", data: { state: life.state } },
      life.state === "wait" && life.position > 1 ? `${name} (${count(life.position)} in the queue)` : name));
    if (life.state !== "failed") parts.push(make("span", {}, plural(life.rows, "row")));
    if (life.scanned > life.rows) parts.push(make("span", {}, `${count(life.scanned)} read`));
    parts.push(make("span", {}, seconds(life.elapsed ?? Date.now() - life.started)));
    if (life.paused) parts.push(make("span", {}, "the page holds many rows: show more, or download them"));
    if (life.snapshot) parts.push(make("span", {}, `snapshot ${life.snapshot}`));
  }
  if (life.lost) parts.push(make("span", {}, `Connection lost; trying again within ${life.lost} s`));
  line.replaceChildren(...parts);
}

// say tells those who listen to the page what the status line tells those who look at it, but only when the state changes.
function say() {
  const text = life?.state ? `${words[life.state] ?? life.state}${life.state === "ready" ? `, ${plural(life.rows, "row")}` : ""}` : "";
  if (byId("said").textContent !== text) byId("said").textContent = text;
}

function seconds(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

// The whole report as a file, however many rows the page shows.
async function download() {
  const button = byId("download");
  button.disabled = true;
  try {
    const answer = await fetch(`/api/v1/reports/${encodeURIComponent(report)}/rows`, {
      headers: { Authorization: `Bearer ${sessionStorage.getItem(tokenKey)}`, Accept: "text/csv" },
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const url = URL.createObjectURL(await answer.blob());
    make("a", { href: url, download: `report-${report.slice(0, 12)}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  } catch {
    button.textContent = "Download failed; try again";
  } finally {
    button.disabled = false;
  }
}

// fromAddress puts the query of a shared link into the editor. It does not run it: that is for the reader to decide.
function fromAddress() {
  const found = /^#q=(.*)$/s.exec(location.hash);
  if (!found) return;
  try {
    byId("query").value = decodeURIComponent(found[1]);
  } catch {
    // A broken link leaves the editor as it is.
  }
}

function wire() {
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    trySignIn(byId("token").value.trim());
  });
  byId("sign-out").addEventListener("click", () => signOut());
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("cancel").addEventListener("click", () => socket?.cancel());
  byId("download").addEventListener("click", download);
  byId("query").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  const links = examples.map((text) => make("li", {}, make("a", { href: `#q=${encodeURIComponent(text)}` }, text)));
  byId("examples").querySelector("ul").replaceChildren(...links);
  addEventListener("hashchange", () => {
    fromAddress();
    byId("query").focus();
  });
}

wire();
fromAddress();
const kept = sessionStorage.getItem(tokenKey);
if (kept) trySignIn(kept);
else show(false);
