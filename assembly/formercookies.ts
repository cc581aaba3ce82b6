import { joinLines, line, lineEnd, token } from "./carrier";
import { Claim, Format, pod, podLength } from "./former";
import * as host from "./host";

/** What the last `find` met: whether the request has a cookie of another system, be it of use or not. */
export let met: bool = false;

/** The cookies of other systems that are honoured until a date. */
export class FormerCookies {
  constructor(
    /** Unix seconds. */
    readonly until: u32,
    readonly formats: Format[],
    /** The Set-Cookie lines that expire them, for the response that sets a token; none where they stay. */
    readonly expiries: ArrayBuffer[],
  ) {}

  /** Sets `token` to the pod that such a cookie of the request names, and to its cluster. */
  find(): bool {
    met = false;
    if (host.now() >= this.until || !joinLines()) return false;
    // Whose own cookie it is decides first: of a canary and the version before it, both have one name.
    return this.findBy(Claim.Own) || this.findBy(Claim.Any);
  }

  private findBy(claim: Claim): bool {
    for (let i = 0; i < this.formats.length; i++) {
      const format = unchecked(this.formats[i]);
      if (!format.isIn(line, lineEnd)) continue;
      met = true;
      if (!format.find(claim)) continue;
      token.endpoint = pod;
      token.endpointLength = podLength;
      token.hasCluster = format.cluster != 0;
      token.cluster = format.cluster;
      return true;
    }
    return false;
  }
}
