/** Numbers texts in order of first appearance. Past `limit` different ones all share one text that says so. */
export class TextTable {
  readonly #codes = new Map<string, number>();
  readonly #texts: string[] = ["(too many different texts)"];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  code(text: string): number {
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    if (this.#texts.length >= this.#limit) return 0;
    this.#codes.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  text(code: number): string {
    return this.#texts[code] as string;
  }
}
