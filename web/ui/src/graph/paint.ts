// The picture as a file: the same strokes go to a canvas, for PNG, or into SVG.
import type { Scene } from "./filter";
import { labelOf, type Colours } from "./look";
import { pairOf } from "./drawing";
import { shareOf, type Weight } from "./weights";

export type Places = ReadonlyMap<string, { x: number; y: number; size: number }>;

interface Pen {
  line(x1: number, y1: number, x2: number, y2: number, width: number, colour: string): void;
  disc(x: number, y: number, radius: number, colour: string): void;
  text(x: number, y: number, size: number, colour: string, text: string): void;
}

const width = 1600;
const margin = 60;
const room = 220; // for the words of the rightmost nodes

interface Frame {
  width: number;
  height: number;
  at: (hash: string) => { x: number; y: number; size: number };
}

// frameOf puts the places into a picture of a width that can be printed.
function frameOf(places: Places): Frame {
  const all = [...places.values()];
  const left = Math.min(...all.map((p) => p.x));
  const top = Math.min(...all.map((p) => p.y));
  const across = Math.max(...all.map((p) => p.x)) - left || 1;
  const down = Math.max(...all.map((p) => p.y)) - top || 1;
  const scale = Math.min((width - 2 * margin - room) / across, 2400 / down);
  return {
    width,
    height: Math.round(down * scale) + 2 * margin,
    at: (hash) => {
      const p = places.get(hash)!;
      return { x: margin + (p.x - left) * scale, y: margin + (p.y - top) * scale, size: p.size * 1.3 };
    },
  };
}

function paint(pen: Pen, frame: Frame, scene: Scene, weights: ReadonlyMap<string, Weight>, colours: Colours): void {
  for (const { from, to } of scene.edges) {
    const [a, b] = [frame.at(from), frame.at(to)];
    const trail = scene.trail.has(pairOf(from, to));
    pen.line(a.x, a.y, b.x, b.y, trail ? 3 : 1, trail ? colours.accent : colours.edge);
  }
  for (const i of scene.nodes.values()) {
    const { x, y, size } = frame.at(i.hash);
    const share = shareOf(i, weights.get(i.hash)) ?? 0;
    if (share > 0) pen.disc(x, y, size, colours.malicious);
    pen.disc(x, y, size * (1 - 0.45 * share), colours[i.itype]);
  }
  for (const i of scene.nodes.values()) {
    const { x, y, size } = frame.at(i.hash);
    pen.text(x + size + 3, y + 4, 11, colours.ink, labelOf(i));
  }
}

/** svgOf writes the scene as SVG. */
export function svgOf(scene: Scene, places: Places, weights: ReadonlyMap<string, Weight>, colours: Colours): string {
  const frame = frameOf(places);
  const out: string[] = [];
  const n = (value: number) => value.toFixed(1);
  paint({
    line: (x1, y1, x2, y2, w, colour) => out.push(`<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${colour}" stroke-width="${w}"/>`),
    disc: (x, y, radius, colour) => out.push(`<circle cx="${n(x)}" cy="${n(y)}" r="${n(radius)}" fill="${colour}"/>`),
    text: (x, y, size, colour, text) => out.push(`<text x="${n(x)}" y="${n(y)}" font-size="${size}" fill="${colour}">${escape(text)}</text>`),
  }, frame, scene, weights, colours);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${frame.width}" height="${frame.height}" viewBox="0 0 ${frame.width} ${frame.height}" font-family="system-ui, sans-serif">\n` +
    `<rect width="100%" height="100%" fill="${colours.surface}"/>\n${out.join("\n")}\n</svg>\n`;
}

/** pngOf draws the scene as PNG, twice as fine as the SVG says. */
export function pngOf(scene: Scene, places: Places, weights: ReadonlyMap<string, Weight>, colours: Colours): Promise<Blob> {
  const frame = frameOf(places);
  const canvas = document.createElement("canvas");
  canvas.width = frame.width * 2;
  canvas.height = frame.height * 2;
  const context = canvas.getContext("2d")!;
  context.scale(2, 2);
  context.fillStyle = colours.surface;
  context.fillRect(0, 0, frame.width, frame.height);
  paint({
    line: (x1, y1, x2, y2, w, colour) => {
      context.strokeStyle = colour;
      context.lineWidth = w;
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      context.stroke();
    },
    disc: (x, y, radius, colour) => {
      context.fillStyle = colour;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    },
    text: (x, y, size, colour, text) => {
      context.font = `${size}px system-ui, sans-serif`;
      context.fillStyle = colour;
      context.fillText(text, x, y);
    },
  }, frame, scene, weights, colours);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser cannot make a picture of this size."))), "image/png"));
}

const signs: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

// escape makes a text one of XML, which allows no control characters.
function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => signs[sign]!).replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd");
}
