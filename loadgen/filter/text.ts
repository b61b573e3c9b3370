/** The words of a text as Qdrant's default tokenizer has them: runs of letters and digits, in lower case. */
export function textTokens(text: string): string[] {
  return (text.match(/[\p{Alphabetic}\p{N}]+/gu) ?? []).map((word) => word.toLowerCase());
}
