declare module "graphology-layout-forceatlas2/iterate.js" {
  import type { ForceAtlas2Settings } from "graphology-layout-forceatlas2";
  export default function iterate(settings: ForceAtlas2Settings, nodes: Float32Array, edges: Float32Array): void;
}

declare module "graphology-layout-forceatlas2/helpers.js" {
  import type { AbstractGraph } from "graphology-types";
  const helpers: {
    graphToByteArrays(graph: AbstractGraph, weight: () => number): { nodes: Float32Array; edges: Float32Array };
    assignLayoutChanges(graph: AbstractGraph, nodes: Float32Array, reducer: null): void;
  };
  export default helpers;
}

declare module "graphology-layout-forceatlas2/defaults.js" {
  import type { ForceAtlas2Settings } from "graphology-layout-forceatlas2";
  const settings: ForceAtlas2Settings;
  export default settings;
}

// The policy of trusted types that the server allows the page.
interface Window {
  trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): URL } };
}
