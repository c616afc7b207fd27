import { askAddress } from "../../lib/router";
import { Indicator } from "./indicator";

const examples = [
  ["What is there?", "events | count by sub_type, category"],
  ["The newest events", "events | limit 200"],
  ["What malicious events share", "events category malicious | attributes ipv4, url, domain | top 20"],
  ["How often, by day", "events last 30d | count by day"],
  ["Who logs in where", "events login | fields timestamp, ipv4, username, password | limit 100"],
  ["What was seen with an address", "related ipv4 10.10.23.27 last 30d"],
  ["How two things hang together", "path ipv4 1.1.1.1 to domain evil.com"],
];

/** Start is what one sees before there is a result. */
export function Start() {
  return (
    <div class="start">
      <section>
        <h2>Have you seen this?</h2>
        <Indicator />
      </section>
      <section>
        <h2>To begin with</h2>
        <ul class="examples">{examples.map(([what, tdql]) => <li><a href={askAddress(tdql!)}><span>{what}</span><code>{tdql}</code></a></li>)}</ul>
      </section>
    </div>
  );
}
