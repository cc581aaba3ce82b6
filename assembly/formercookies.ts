import { joinLines, line, lineEnd, token } from "./carrier";
import { Claim, Format, pod, podLength } from "./former";
import * as host from "./host";
import { kept, make } from "./region";
import { Text } from "./text";

/** What the last `find` met: whether the request has a cookie of another system, be it of use or not. */
export let met: bool = false;

/** A Set-Cookie line that expires a cookie. */
@unmanaged
export class Expiry {
  line: Text;
  next: Expiry | null;
}

/** The cookies of other systems that are honoured until a date. */
@unmanaged
export class FormerCookies {
  /** Unix seconds. */
  until: u32;
  formats: Format | null;
  /** What expires them, for the response that sets a token; none where they stay. */
  expiries: Expiry | null;

  /** Sets `token` to the pod that such a cookie of the request names, and to its cluster. */
  find(): bool {
    met = false;
    if (host.now() >= this.until || !joinLines()) return false;
    // Whose own cookie it is decides first: of a canary and the version before it, both have one name.
    return this.findBy(Claim.Own) || this.findBy(Claim.Any);
  }

  /** Adds a line at the end, unless it is there. */
  addExpiry(line: Text): void {
    let last: Expiry | null = null;
    let expiry = this.expiries;
    while (expiry != null) {
      if (expiry.line.same(line)) return;
      last = expiry;
      expiry = expiry.next;
    }
    const added = make<Expiry>(kept);
    added.line = kept.keep(line.start, line.length);
    if (last == null) this.expiries = added;
    else last.next = added;
  }

  private findBy(claim: Claim): bool {
    let format = this.formats;
    while (format != null) {
      if (format.isIn(line, lineEnd)) {
        met = true;
        if (format.find(claim)) {
          token.endpoint = pod;
          token.endpointLength = podLength;
          token.hasCluster = format.cluster != 0;
          token.cluster = format.cluster;
          return true;
        }
      }
      format = format.next;
    }
    return false;
  }
}
