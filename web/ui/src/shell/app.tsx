// The whole page: sign-in, or the frame with one screen in it.
import { useEffect } from "preact/hooks";
import { place } from "../lib/router";
import { me } from "../lib/session";
import { screenAt } from "../screens";
import { Lazy } from "./lazy";
import { LineState } from "./line";
import { Rail } from "./rail";
import { SignIn } from "./sign-in";
import { Toasts } from "./toasts";

export function App() {
  const screen = screenAt(place.value.path);
  useEffect(() => {
    document.title = me.value ? `${screen.title} · Cybex-P` : "Cybex-P";
  }, [screen, me.value]);
  if (me.value === undefined) return null;
  if (me.value === null) return <SignIn />;
  return (
    <div class="shell">
      <a class="skip button" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to content</a>
      <Rail current={screen} />
      <main class="stage" id="main" tabIndex={-1}>
        <LineState />
        <Lazy key={screen.path} load={screen.load} />
      </main>
      <Toasts />
    </div>
  );
}
