const VARIABLE = /^\$([A-Za-z0-9_.[\]-]{1,128})$/;

/** The variable a text of a filter stands for: it is `$name` and nothing else. A literal text of that form is `$$name`. */
export function variableName(text: string): string | undefined {
  return VARIABLE.exec(text)?.[1];
}

/** A text that stands for itself, `$$` at its beginning being one `$`. */
export function literalText(text: string): string {
  return text.startsWith('$$') ? text.slice(1) : text;
}
