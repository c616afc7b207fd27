import { paramsIn } from "../../model/params";
import { text, values } from "../../model/desk";
import { Field } from "../../ui/parts";

/** Params has a field for each parameter of the query. */
export function Params({ run }: { run: () => void }) {
  const names = paramsIn(text.value);
  if (names.length === 0) return null;
  return (
    <form class="params" onSubmit={(event) => { event.preventDefault(); run(); }}>
      {names.map((name) => (
        <Field label={`$${name}`} key={name}>
          {(a) => <input {...a} value={values.value[name] ?? ""} autocomplete="off" spellcheck={false} title="A number is a number; put it in double quotes to have it as text"
            onInput={(event) => { values.value = { ...values.value, [name]: event.currentTarget.value }; }} />}
        </Field>
      ))}
      <button type="submit" class="unseen" tabIndex={-1}>Run</button>
    </form>
  );
}
