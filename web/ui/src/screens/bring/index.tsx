import { Empty } from "../../ui/parts";

export default function Bring() {
  return (
    <div class="screen">
      <div class="screen-head"><h1>Bring</h1></div>
      <Empty icon="bring" title="On the command line for now"><p>The <code>cybexp</code> command and the HTTP API do this today.</p></Empty>
    </div>
  );
}
