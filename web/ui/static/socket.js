// socket.js holds the one websocket of the page: it signs in, asks, and, when the line drops, comes back and resumes after the last row
// that it has. It knows nothing of the page; it calls the functions it was given.

const protocol = "tdql.v1";
const firstCredit = 2000;
const longestPause = 15000;
const beat = 20000; // time between our pings; a line on which nothing comes back for three of them is dead
const unauthorised = 4401;

export class Socket {
  #token;
  #on;
  #socket = null;
  #running = null; // {id, ask, report, seq, credit} of the query in hand
  #number = 0;
  #failures = 0;
  #timer = 0;
  #beat = 0;
  #heardAt = 0;
  #closed = false;

  // on: {line(state, seconds), refused(), frame(message)}
  constructor(token, on) {
    this.#token = token;
    this.#on = on;
    this.#connect();
  }

  // ask runs a query, in the place of the one in hand.
  ask(tdql) {
    this.cancel();
    this.#number++;
    this.#running = { id: `q${this.#number}`, tdql, report: "", seq: 0 };
    this.#sendQuery();
  }

  cancel() {
    if (this.#running) this.#send({ op: "cancel", id: this.#running.id });
  }

  // credit tells the server that n more rows are welcome.
  credit(n) {
    if (this.#running) this.#send({ op: "credit", id: this.#running.id, n });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#beat);
    this.#socket?.close(1000);
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, protocol);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (event) => this.#heard(JSON.parse(event.data, whole)));
    socket.addEventListener("close", (event) => this.#lost(event));
  }

  #opened() {
    this.#send({ op: "auth", token: this.#token });
    this.#heardAt = Date.now();
    this.#beat = setInterval(() => this.#ping(), beat);
    this.#on.line("open");
    if (this.#running?.report) this.#resume();
    else if (this.#running) this.#sendQuery();
  }

  #ping() {
    if (Date.now() - this.#heardAt > 3 * beat) this.#socket.close();
    else this.#send({ op: "ping" });
  }

  #sendQuery() {
    const { id, tdql } = this.#running;
    this.#send({ op: "query", id, tdql, credit: firstCredit });
  }

  #resume() {
    const { id, report, seq } = this.#running;
    this.#send({ op: "subscribe", id, report, after: seq, credit: firstCredit });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #heard(message) {
    this.#failures = 0;
    this.#heardAt = Date.now();
    if (!this.#running || message.id !== this.#running.id) return;
    if (message.type === "status") this.#running.report = message.report;
    if (message.type === "rows") this.#running.seq = message.seq;
    if (message.type === "end" || message.type === "error") this.#running = null;
    this.#on.frame(message);
  }

  #lost(event) {
    clearInterval(this.#beat);
    if (this.#closed) return;
    if (event.code === unauthorised) {
      this.#closed = true;
      this.#on.refused();
      return;
    }
    if (isOurFault(event.code)) this.#giveUp(event.reason);
    const pause = Math.min(longestPause, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures++;
    this.#on.line("lost", Math.ceil(pause / 1000));
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  // giveUp ends a query that the server does not want; to send it again would only close the line again.
  #giveUp(reason) {
    if (!this.#running) return;
    this.#running = null;
    this.#on.frame({ type: "error", code: "refused", message: reason || "The server refused the query." });
  }
}

// isOurFault tells close codes after which the same message must not be sent again: too big, and the protocol's own.
function isOurFault(code) {
  return code === 1009 || (code >= 4400 && code < 4500 && code !== unauthorised);
}

// whole keeps integers whole that a JavaScript number cannot hold.
function whole(_, value, context) {
  const lossy = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "");
  return lossy ? BigInt(context.source) : value;
}
