// What is shown, as a file.
import { post } from "../lib/http";
import type { Instance } from "../model/instance";
import type { Board } from "./board";
import { setOf } from "./fetch";
import { coloursOf } from "./look";
import { pngOf, svgOf, type Places } from "./paint";
import { shareOf } from "./weights";

/** Format is a kind of file, and its name's end. */
export type Format = "png" | "svg" | "csv" | "json" | "stix";

/** save makes a file of what the board shows. */
export async function save(format: Format, board: Board, places: Places | null, el: Element): Promise<void> {
  const scene = board.scene.peek();
  const weights = board.weights.known.peek();
  if (format === "stix") return saveSTIX([...scene.nodes.values()]);
  if (format === "csv") return offer(new Blob([csvOf(board)], { type: "text/csv" }), "graph.csv");
  if (format === "json") return offer(new Blob([jsonOf(board)], { type: "application/json" }), "graph.json");
  if (!places || places.size === 0) throw new Error("There is no picture to save.");
  const colours = coloursOf(el);
  const blob = format === "png" ? await pngOf(scene, places, weights, colours)
    : new Blob([svgOf(scene, places, weights, colours)], { type: "image/svg+xml" });
  offer(blob, `graph.${format}`);
}

/** sighted is an instance with what was counted of it. */
function sighted(board: Board, i: Instance) {
  const weight = board.weights.known.peek().get(i.hash);
  return { hash: i.hash, itype: i.itype, sub_type: i.sub_type, data: i.data, timestamp: i.row.timestamp ?? i.row.start_time ?? null,
    category: i.row.category ?? null, sightings: weight?.sightings ?? null, malicious: weight?.malicious ?? null,
    share: shareOf(i, weight), edges: board.scene.peek().links.get(i.hash) ?? 0 };
}

function jsonOf(board: Board): string {
  const { nodes, edges } = board.scene.peek();
  const document = { nodes: [...nodes.values()].map((i) => sighted(board, i)), edges, steps: board.past.peek().map((p) => p.step) };
  return JSON.stringify(document, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value), 1) + "\n";
}

function csvOf(board: Board): string {
  const rows = [...board.scene.peek().nodes.values()].map((i) => sighted(board, i));
  const names = ["hash", "itype", "sub_type", "data", "timestamp", "category", "sightings", "malicious", "edges"] as const;
  const lines = rows.map((row) => names.map((name) => quoted(row[name])).join(","));
  return [names.join(","), ...lines].join("\r\n") + "\r\n";
}

function quoted(value: unknown): string {
  const text = value === null || value === undefined ? ""
    : typeof value === "object" ? JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v)) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// saveSTIX lets the server write it: how TAHOE becomes STIX is known there.
async function saveSTIX(instances: Instance[]): Promise<void> {
  const { id } = await post<{ id: string }>("/api/v1/reports", { tdql: setOf("instance", instances.slice(0, mostSTIX)) });
  follow(`/api/v1/reports/${encodeURIComponent(id)}/rows?format=stix`, "graph.stix.json");
  if (instances.length > mostSTIX) throw new Error(`STIX has the first ${mostSTIX} of ${instances.length} instances: a query has no room for more. Filter the graph to save the others.`);
}

const mostSTIX = 900; // hashes that the longest query holds

function offer(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function follow(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}
