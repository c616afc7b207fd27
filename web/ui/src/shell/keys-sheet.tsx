import { groups } from "../lib/keys";
import { Dialog } from "../ui/parts";

/** KeysSheet lists the keys that hold where one is. */
export function KeysSheet({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close} wide>
      <div class="keys-sheet">
        {groups.value.map((group) => (
          <section>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map((key) => (
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
