/** Comments of a document that has many places of one kind. */
import { explained, type Comments } from "./render.ts";

/** As explained() of render.ts, but what has been said once is not said again. */
export type Explain = <T extends object>(value: T, comments: Comments<T>) => T;

/** To be called in the order of the document. */
export function explainingOnce(): Explain {
  const said = new Set<string>();
  return (value, comments) => {
    const fresh = Object.entries<string | undefined>(comments).filter(
      ([field, text]) => text !== undefined && !said.has(text) && (field === "" || field in value),
    );
    for (const [, text] of fresh) said.add(String(text));
    return explained(value, Object.fromEntries(fresh) as typeof comments);
  };
}
