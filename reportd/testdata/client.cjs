// A client of the websocket protocol that shares no code with the server: it asks, reads to the end, comes back after a row, and breaks
// the rules. It prints what it saw as JSON.
const WebSocket = globalThis.WebSocket ?? require("ws");
const [url, token, tdql] = process.argv.slice(2);
const saw = { types: [], rows: 0, rest: 0, pong: false, holes: 0 };

function open() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "tdql.v1");
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", (e) => reject(new Error(e.message ?? "cannot connect")));
  });
}

// frames reads until done says so, with each frame.
function frames(socket, done) {
  return new Promise((resolve, reject) => {
    socket.addEventListener("message", (e) => {
      const frame = JSON.parse(e.data);
      if (frame.type === "error") reject(new Error(e.data));
      if (done(frame)) resolve();
    });
    socket.addEventListener("close", (e) => reject(new Error(`closed with ${e.code} ${e.reason}`)));
  });
}

async function main() {
  let socket = await open();
  saw.protocol = socket.protocol;
  let report, last = 0;
  const asked = frames(socket, (frame) => {
    if (frame.id !== "q") return false;
    if (saw.types.at(-1) !== frame.type && frame.type !== "progress") saw.types.push(frame.type);
    if (frame.type === "status") report = frame.report;
    if (frame.type === "header") socket.send(JSON.stringify({ op: "credit", id: "q", n: 1e6 }));
    if (frame.type === "rows") {
      if (frame.seq !== last + frame.rows.length) saw.holes++;
      last = frame.seq;
      saw.rows += frame.rows.length;
    }
    return frame.type === "end";
  });
  socket.send(JSON.stringify({ op: "auth", token }));
  socket.send(JSON.stringify({ op: "query", id: "q", tdql, credit: 10 }));
  await asked;
  const answered = frames(socket, (frame) => (saw.pong = frame.type === "pong"));
  socket.send(JSON.stringify({ op: "ping" }));
  await answered;
  socket.close(1000);

  socket = await open();
  const resumed = frames(socket, (frame) => {
    if (frame.type === "rows") saw.rest += frame.rows.length;
    return frame.type === "end";
  });
  socket.send(JSON.stringify({ op: "auth", token }));
  socket.send(JSON.stringify({ op: "subscribe", id: "s", report, after: 1000 }));
  await resumed;

  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.send(JSON.stringify({ op: "query", id: "x", tdql, unknown: true }));
  saw.close = (await closed).code;
  console.log(JSON.stringify(saw));
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
