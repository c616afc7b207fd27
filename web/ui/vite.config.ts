import { defineConfig } from "vite";

const backend = process.env.CYBEXP ?? "http://127.0.0.1:8090";
const proxy = { "/api": backend, "/ws": { target: backend, ws: true } };

// The page is built from pinned sources into dist, which is committed: whoever has Go alone can build the server.
// Nothing is inlined, because the server's policy allows no inline script, style or data: address.
export default defineConfig({
  build: {
    target: "es2022",
    outDir: "dist",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    license: { fileName: "THIRD_PARTY.md" },
    chunkSizeWarningLimit: 400,
  },
  worker: { format: "es" },
  server: { proxy },
  preview: {
    proxy,
    headers: {
      "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; " +
        "require-trusted-types-for 'script'; trusted-types worker",
    },
  },
});
