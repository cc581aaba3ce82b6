import { writeDecimal } from "./digits";
import { DATE_LENGTH, writeDate } from "./httpdate";
import { text } from "./literals";

const EXPIRES = text("; Expires=");
const MAX_AGE = text("; Max-Age=");

/** Most characters that `Lifetime.write` writes; ten digits hold each 32-bit number. */
export const MAX_LIFETIME: u32 = 10 + DATE_LENGTH + 10 + 10;

/** How long a session lasts. The gateway holds a client to it, whatever the client does with its cookie. */
@unmanaged
export class Lifetime {
  /** Seconds since the session began; 0: no end. */
  absolute: u32;
  /** Seconds since the client was last seen; 0: no end. */
  idle: u32;
  /** Whether the browser is told, too: lifetimeType Permanent. Needs an end. */
  permanent: bool;

  /** Without an end no request asks for the time. */
  get ends(): bool {
    return (this.absolute | this.idle) != 0;
  }

  /** All are unix times in seconds. A time ahead of ours comes from a gateway whose clock is: it counts as now. */
  isOver(issued: u32, seen: u32, now: u32): bool {
    return (
      (this.absolute != 0 && age(issued, now) >= this.absolute) ||
      (this.idle != 0 && age(seen, now) >= this.idle)
    );
  }

  /** Whether a client is to be told of as seen again: after a tenth of the idle time, so that few responses do it. */
  isRenewalDue(seen: u32, now: u32): bool {
    return this.idle != 0 && age(seen, now) >= max(this.idle / 10, 1);
  }

  /** Seconds from now that a session has left if the client is not seen again. Needs an end. */
  left(issued: u32, now: u32): u32 {
    const old = age(issued, now);
    const left = this.absolute == 0 ? u32.MAX_VALUE : this.absolute > old ? this.absolute - old : 0;
    return this.idle == 0 ? left : min(left, this.idle);
  }

  /** Writes the attributes Expires and Max-Age, which say the same; returns where they end, at `to` for a session cookie. */
  write(issued: u32, now: u32, to: usize): usize {
    if (!this.permanent) return to;
    const left = this.left(issued, now);
    to = EXPIRES.copyTo(to);
    writeDate(left > u32.MAX_VALUE - now ? u32.MAX_VALUE : now + left, to);
    return writeDecimal(left, MAX_AGE.copyTo(to + DATE_LENGTH));
  }
}

export function age(time: u32, now: u32): u32 {
  return now > time ? now - time : 0;
}
