// Where things are put. The work is done in a worker from the page's own files, which the server's policy allows; the library's own
// worker would come from a blob: address.
import type Graph from "graphology";
import type { ForceAtlas2Settings } from "graphology-layout-forceatlas2";
import helpers from "graphology-layout-forceatlas2/helpers.js";
import defaults from "graphology-layout-forceatlas2/defaults.js";
import address from "./graph-layout.ts?worker&url";

export interface LayoutTask {
  nodes: Float32Array;
  edges: Float32Array;
  settings: ForceAtlas2Settings;
  iterations: number;
  /** every so many iterations the positions are told, so that one sees how the picture comes about; 0 is at the end only. */
  every: number;
}

export interface LayoutWord {
  nodes: Float32Array;
  done: boolean;
}

// With Trusted Types a worker's address must come from a policy; there is one for the whole page.
const trusted = window.trustedTypes?.createPolicy("worker", { createScriptURL: (url) => url });

/** lay moves the nodes of a graph to where they belong, and then calls done. What it returns ends it earlier. */
export function lay(graph: Graph, done: () => void): () => void {
  if (graph.order < 2) {
    done();
    return () => {};
  }
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const worker = new Worker(trusted?.createScriptURL(address) ?? address, { type: "module" });
  const end = () => worker.terminate();
  worker.onmessage = (event: MessageEvent<LayoutWord>) => {
    helpers.assignLayoutChanges(graph, event.data.nodes, null);
    if (!event.data.done) return;
    end();
    done();
  };
  // Without a worker the picture stays as it was begun, which can be read too.
  worker.onerror = () => { end(); done(); };
  const iterations = graph.order <= 400 ? 500 : graph.order <= 1500 ? 250 : 120;
  const task: LayoutTask = {
    ...helpers.graphToByteArrays(graph, () => 1),
    settings: {
      ...defaults, strongGravityMode: true, gravity: 0.05, scalingRatio: 10, slowDown: 1 + Math.log(graph.order),
      barnesHutOptimize: graph.order > 1000, adjustSizes: true,
    },
    iterations,
    every: still ? 0 : Math.ceil(iterations / 25),
  };
  worker.postMessage(task);
  return end;
}

/** placeOf is where a new node begins: around its origin, or on a circle; always the same for the same hash. */
export function placeOf(hash: string, origin: { x: number; y: number } | null, spread: number): { x: number; y: number } {
  const angle = (parseInt(hash.slice(0, 6), 16) / 0xffffff) * 2 * Math.PI;
  const far = (0.2 + (0.8 * parseInt(hash.slice(6, 12), 16)) / 0xffffff) * spread;
  return { x: (origin?.x ?? 0) + Math.cos(angle) * far, y: (origin?.y ?? 0) + Math.sin(angle) * far };
}
