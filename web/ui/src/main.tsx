import "./styles/base.css";
import "./styles/parts.css";
import "./styles/shell.css";
import { render } from "preact";
import { startKeys } from "./lib/keys";
import { startRouter } from "./lib/router";
import { load } from "./lib/session";
import { App } from "./shell/app";

startRouter();
startKeys();
render(<App />, document.getElementById("app")!);
void load();
