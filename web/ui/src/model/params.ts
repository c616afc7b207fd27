// The parameters of a query, and what their fields mean.

// What may hold a dollar that is none of a parameter: quoted texts and comments.
const hiding = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|`[^`\n]*`|(?:^|[ \t])--[^\n]*/gm;

/** paramsIn lists the names of the parameters of a query, each once. */
export function paramsIn(tdql: string): string[] {
  const plain = tdql.replace(hiding, " ");
  return [...new Set([...plain.matchAll(/\$([A-Za-z_][A-Za-z0-9_]*)/g)].map((m) => m[1]!))];
}

/** readParam is what a field says: a number, true, false and null are those; all else is text, and so is what stands in quotes. */
export function readParam(field: string): unknown {
  const text = field.trim();
  if (/^".*"$/s.test(text) || /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) || /^(true|false|null)$/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}
