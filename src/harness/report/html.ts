/** Text that is safe to stand in a page: made by `html` or `raw` only, so that nothing a store says reaches the page unescaped. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | null | readonly Html[];

/** A template whose every value is escaped unless it is Html already. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  let markup = strings[0] as string;
  values.forEach((value, i) => {
    markup += render(value) + (strings[i + 1] as string);
  });
  return { markup };
}

/** Markup of our own making, taken as it is. */
export function raw(markup: string): Html {
  return { markup };
}

/** JSON that can stand inside a script element: no "<" is left in it, so neither "</script" nor "<!--". */
export function embeddedJson(value: unknown): Html {
  const text = JSON.stringify(value) ?? "null";
  return raw(text.replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029"));
}

function render(value: Part): string {
  if (value === null) return "";
  if (typeof value === "string") return escapeText(value);
  if (typeof value === "number") return String(value);
  if ("markup" in value) return value.markup;
  return value.map((part) => part.markup).join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string);
}
