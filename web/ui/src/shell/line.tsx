import { useEffect, useState } from "preact/hooks";
import { line } from "../lib/socket";
import { Button } from "../ui/parts";

/** LineState says, while the connection is lost, when the next try is. */
export function LineState() {
  const at = line.lost.value;
  const [, tick] = useState(0);
  useEffect(() => {
    if (at === 0) return;
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [at]);
  if (at === 0) return null;
  const seconds = Math.max(0, Math.ceil((at - Date.now()) / 1000));
  return (
    <div class="line-lost" role="status">
      <span>Connection lost. What runs goes on where it stopped when the line is back{seconds > 0 ? <span aria-hidden="true">; next try in {seconds} s</span> : ""}.</span>
      <Button kind="quiet" onClick={() => line.again()}>Try now</Button>
    </div>
  );
}
