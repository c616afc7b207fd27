// The canvas: what sigma draws, and what one does to it with a pointer.
import Graph from "graphology";
import Sigma from "sigma";
import { createNodeBorderProgram } from "@sigma/node-border";
import type { Board } from "./board";
import { pairOf } from "./drawing";
import type { Scene } from "./filter";
import { lay, placeOf } from "./layout";
import { coloursOf, labelOf, sizeOf, type Colours } from "./look";
import { shareOf, type Weight } from "./weights";

interface Shown {
  x: number;
  y: number;
  size: number;
  color: string;
  ring: string;
  share: number; // of the radius
  label: string;
  fixed: boolean;
  forceLabel: boolean;
  zIndex: number;
}

interface Line {
  color: string;
  size: number;
  zIndex: number;
}

// A malicious share of 1 is a ring of this part of the radius.
const ring = 0.45;
const Bordered = createNodeBorderProgram<Shown, Line>({
  borders: [
    { size: { attribute: "share", defaultValue: 0, mode: "relative" }, color: { attribute: "ring" } },
    { size: { fill: true }, color: { attribute: "color" } },
  ],
});

/** canDraw tells whether this browser has WebGL. */
export function canDraw(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext(); // there are few of them
  return context !== null;
}

export class Picture {
  readonly #graph = new Graph<Shown, Line>({ type: "undirected" });
  readonly #sigma: Sigma<Shown, Line>;
  #colours: Colours;
  #scene: Scene | null = null;
  #trail = new Set<string>();
  #marked: (string | null)[] = [];
  #over: string | null = null;
  #stop = () => {};

  constructor(readonly box: HTMLElement, readonly board: Board, readonly settled: (yes: boolean) => void) {
    this.#colours = coloursOf(box);
    this.#sigma = new Sigma<Shown, Line>(this.#graph, box, {
      defaultNodeType: "bordered",
      nodeProgramClasses: { bordered: Bordered },
      labelFont: "system-ui, sans-serif",
      labelSize: 12,
      labelRenderedSizeThreshold: 6,
      labelGridCellSize: 120,
      zIndex: true,
      hideEdgesOnMove: false,
      minCameraRatio: 0.03,
      maxCameraRatio: 8,
      stagePadding: 40,
      allowInvalidContainer: true, // on a phone the picture gives way to what is known of a node
      nodeReducer: (hash, shown) => this.#dress(hash, shown),
      edgeReducer: (edge, line) => this.#dressEdge(edge, line),
      defaultDrawNodeLabel: (context, data, settings) => this.#label(context, data, settings.labelSize, settings.labelFont, false),
      defaultDrawNodeHover: (context, data, settings) => this.#label(context, data, settings.labelSize, settings.labelFont, true),
      ...(reduced() ? { zoomDuration: 0, inertiaDuration: 0, doubleClickZoomingDuration: 0 } : {}),
    });
    this.#listen();
  }

  /** show draws a scene; when its nodes are others than before, they are laid out anew from where they are. */
  show(scene: Scene, weights: ReadonlyMap<string, Weight>): void {
    const changed = this.#merge(scene);
    this.#scene = scene;
    this.#trail = new Set([...scene.trail].flatMap((pair) => pair.split(" ")));
    const scale = Math.min(1, Math.max(0.5, this.box.clientWidth / 700)); // a phone has less room between them
    this.#graph.updateEachNodeAttributes((hash, shown) => {
      const i = scene.nodes.get(hash)!;
      const weight = weights.get(hash);
      return { ...shown, ...this.#paint(i.itype), size: sizeOf(i, weight) * scale, share: (shareOf(i, weight) ?? 0) * ring, label: labelOf(i), fixed: scene.pinned.has(hash) };
    });
    if (changed) this.layout();
    else this.#sigma.refresh();
  }

  /** layout lays out what is not pinned, once. */
  layout(): void {
    this.#stop();
    this.settled(false);
    this.#stop = lay(this.#graph, () => this.settled(true));
  }

  /** themed takes the colours of a theme that has changed. */
  themed(): void {
    this.#colours = coloursOf(this.box);
    this.#graph.updateEachNodeAttributes((hash, shown) => ({ ...shown, ...this.#paint(this.#scene!.nodes.get(hash)!.itype) }));
    this.#sigma.refresh();
  }

  /** mark shows which node is picked, and where a path is to begin. */
  mark(picked: string | null, start: string | null): void {
    this.#marked = [picked, start];
    this.#sigma.refresh();
  }

  zoom(by: number): void {
    const camera = this.#sigma.getCamera();
    void camera.animate({ ratio: camera.getState().ratio / by }, { duration: reduced() ? 1 : 150 });
  }

  fit(): void {
    void this.#sigma.getCamera().animate({ x: 0.5, y: 0.5, ratio: 1, angle: 0 }, { duration: reduced() ? 1 : 200 });
  }

  /** places are where nodes are, y growing downwards, for pictures that are kept. */
  places(): Map<string, { x: number; y: number; size: number }> {
    const places = new Map<string, { x: number; y: number; size: number }>();
    this.#graph.forEachNode((hash, shown) => places.set(hash, { x: shown.x, y: -shown.y, size: shown.size }));
    return places;
  }


  end(): void {
    this.#stop();
    this.#sigma.kill();
  }

  // merge makes the graph what the scene is, and tells whether that changed it.
  #merge(scene: Scene): boolean {
    const graph = this.#graph;
    let changed = false;
    for (const hash of graph.nodes()) {
      if (scene.nodes.has(hash)) continue;
      this.#last.set(hash, { x: graph.getNodeAttribute(hash, "x"), y: graph.getNodeAttribute(hash, "y") });
      graph.dropNode(hash);
      changed = true;
    }
    const spread = graph.order === 0 ? 100 : 10;
    for (const hash of scene.nodes.keys()) {
      if (graph.hasNode(hash)) continue;
      const origin = this.board.origins.get(hash);
      const near = origin && graph.hasNode(origin) ? graph.getNodeAttributes(origin) : null;
      const place = this.#last.get(hash) ?? placeOf(hash, near, spread);
      graph.addNode(hash, { ...place, size: 5, color: "", ring: "", share: 0, label: "", fixed: false, forceLabel: false, zIndex: 0 });
      changed = true;
    }
    const wanted = new Set(scene.edges.map((e) => pairOf(e.from, e.to)));
    for (const edge of graph.edges()) if (!wanted.has(edge)) { graph.dropEdge(edge); changed = true; }
    for (const pair of wanted) {
      if (graph.hasEdge(pair)) continue;
      const [a, b] = pair.split(" ") as [string, string];
      graph.addEdgeWithKey(pair, a, b, { color: "", size: 1, zIndex: 0 });
      changed = true;
    }
    return changed;
  }

  readonly #last = new Map<string, { x: number; y: number }>(); // of what was taken off, should it come back

  #paint(itype: keyof Colours): { color: string; ring: string } {
    return { color: this.#colours[itype], ring: this.#colours.malicious };
  }

  // near are the nodes that are told apart from the others: those of the path, or the one under the pointer or picked and what it hangs on.
  #near(hash: string): boolean {
    if (this.#over === null && this.#trail.size > 0) return this.#trail.has(hash) || hash === this.board.picked.peek();
    const centre = this.#over ?? this.board.picked.peek();
    if (centre === null || !this.#graph.hasNode(centre)) return true;
    return centre === hash || this.#graph.areNeighbors(centre, hash);
  }

  #dress(hash: string, shown: Shown): Partial<Shown> & { highlighted?: boolean } {
    const picked = this.#marked.includes(hash);
    const near = this.#near(hash);
    return {
      ...shown,
      highlighted: picked,
      forceLabel: picked || this.#trail.has(hash) || (this.#over !== null && near && this.#graph.degree(this.#over) < 30) || shown.fixed,
      color: near ? shown.color : this.#colours.line,
      ring: near ? shown.ring : this.#colours.line,
      label: near ? shown.label : "",
      zIndex: picked ? 2 : near ? 1 : 0,
    };
  }

  #dressEdge(edge: string, line: Line): Partial<Line> {
    const centre = this.#over ?? this.board.picked.peek();
    const [a, b] = edge.split(" ");
    if (this.#scene?.trail.has(edge)) return { ...line, color: this.#colours.accent, size: 3, zIndex: 2 };
    const touches = (this.#over !== null || this.#trail.size === 0) && centre !== null && (a === centre || b === centre);
    return { ...line, color: touches ? this.#colours.accent : this.#colours.edge, size: touches ? 1.5 : 1, zIndex: touches ? 1 : 0 };
  }

  #label(context: CanvasRenderingContext2D, data: { x: number; y: number; size: number; label?: string | null }, size: number, font: string, raised: boolean): void {
    const { x, y } = data;
    context.font = `${raised ? 600 : 400} ${size}px ${font}`;
    if (raised) {
      context.beginPath();
      context.arc(x, y, data.size + 3, 0, 2 * Math.PI);
      context.lineWidth = 2;
      context.strokeStyle = this.#colours.accent;
      context.stroke();
    }
    if (!data.label) return;
    const left = x + data.size + (raised ? 7 : 4);
    const width = context.measureText(data.label).width;
    context.fillStyle = raised ? this.#colours.raised : this.#colours.surface;
    context.globalAlpha = raised ? 1 : 0.75;
    context.beginPath();
    context.roundRect(left - 3, y - size / 2 - 3, width + 6, size + 6, 4);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = this.#colours.ink;
    context.fillText(data.label, left, y + size / 3);
  }

  #listen(): void {
    const sigma = this.#sigma;
    const over = (hash: string | null) => { this.#over = hash; this.box.style.cursor = hash ? "pointer" : ""; sigma.refresh({ skipIndexation: true }); };
    sigma.on("enterNode", ({ node }) => over(node));
    sigma.on("leaveNode", () => over(null));
    sigma.on("clickNode", ({ node, event }) => {
      if (moved) return;
      const other = this.board.picked.peek();
      if (event.original.shiftKey && other && other !== node) this.board.start.value = other;
      this.board.picked.value = node;
    });
    sigma.on("clickStage", () => { this.board.picked.value = null; });
    let held: string | null = null;
    let moved = false;
    sigma.on("downNode", ({ node }) => { held = node; moved = false; });
    sigma.on("moveBody", ({ event }) => {
      if (!held) return;
      if (!moved) sigma.setCustomBBox(sigma.getBBox()); // else the picture would move under the pointer
      moved = true;
      const { x, y } = sigma.viewportToGraph(event);
      this.#graph.mergeNodeAttributes(held, { x, y });
      event.preventSigmaDefault();
    });
    const drop = () => {
      if (held && moved) this.board.pin(held, true);
      held = null;
      sigma.setCustomBBox(null);
      setTimeout(() => { moved = false; }, 0); // after the click that ends it
    };
    sigma.on("upNode", drop);
    sigma.on("upStage", drop);
  }
}

const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
