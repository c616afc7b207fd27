import { Empty } from "../../ui/parts";

export default function Run() {
  return (
    <div class="screen">
      <div class="screen-head"><h1>Run</h1></div>
      <Empty icon="run" title="On the command line for now"><p>The <code>cybexp</code> command and the HTTP API do this today.</p></Empty>
    </div>
  );
}
