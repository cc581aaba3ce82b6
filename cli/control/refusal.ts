/** A request that is not carried out; its message is the sentence for who asked. */
export class Refusal extends Error {
  readonly status: number;
  /** The methods that would do, with status 405. */
  readonly allow: string | undefined;

  constructor(status: number, sentence: string, allow?: string) {
    super(sentence);
    this.status = status;
    this.allow = allow;
  }
}
