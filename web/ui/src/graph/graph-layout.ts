// The worker that lays a graph out. It takes one task, tells the positions now and then, and is done: nothing moves for ever.
import iterate from "graphology-layout-forceatlas2/iterate.js";
import type { LayoutTask, LayoutWord } from "./layout";

const post = (word: LayoutWord) => (self as unknown as { postMessage(word: LayoutWord): void }).postMessage(word);

self.addEventListener("message", (event: MessageEvent<LayoutTask>) => {
  const { nodes, edges, settings, iterations, every } = event.data;
  for (let n = 1; n <= iterations; n++) {
    iterate(settings, nodes, edges);
    if (n === iterations || (every > 0 && n % every === 0)) post({ nodes: nodes.slice(), done: n === iterations });
  }
});
