import { groups } from "../lib/keys";
import { Dialog } from "../ui/parts";

/** KeysSheet lists the keys that hold where one is. */
export function KeysSheet({ close }: { close: () => void }) {
  const titles = [...new Set(groups.value.map((g) => g.title))];
  return (
    <Dialog title="Keys" close={close} wide>
      <div class="keys-sheet">
        {titles.map((title) => (
          <section>
            <h3>{title}</h3>
            <dl>
              {groups.value.filter((g) => g.title === title).flatMap((g) => g.keys).map((key) => (
                <>
                  <dt>{key.keys.split(" ").map((k) => <kbd>{k}</kbd>)}</dt>
                  <dd>{key.does}</dd>
                </>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
