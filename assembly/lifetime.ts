import { writeDecimal } from "./digits";
import { DATE_LENGTH, writeDate } from "./httpdate";

const EXPIRES = String.UTF8.encode("; Expires=");
const MAX_AGE = String.UTF8.encode("; Max-Age=");

/** Most characters that `Lifetime.write` writes; ten digits hold each 32-bit number. */
export const MAX_LIFETIME: u32 = 10 + DATE_LENGTH + 10 + 10;

/** How long a session lasts. The gateway holds a client to it, whatever the client does with its cookie. */
export class Lifetime {
  /** Seconds since the session began; 0: no end. */
  absolute: u32 = 0;
  /** Seconds since the client was last seen; 0: no end. */
  idle: u32 = 0;
  /** Whether the browser is told, too: lifetimeType Permanent. Needs an end. */
  permanent: bool = false;

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

  /** Writes the attributes Expires and Max-Age, which say the same; returns their length, 0 for a session cookie. */
  write(issued: u32, now: u32, to: usize): u32 {
    if (!this.permanent) return 0;
    const left = this.left(issued, now);
    memory.copy(to, changetype<usize>(EXPIRES), EXPIRES.byteLength);
    let at = to + EXPIRES.byteLength;
    writeDate(left > u32.MAX_VALUE - now ? u32.MAX_VALUE : now + left, at);
    at += DATE_LENGTH;
    memory.copy(at, changetype<usize>(MAX_AGE), MAX_AGE.byteLength);
    return <u32>(writeDecimal(left, at + MAX_AGE.byteLength) - to);
  }
}

function age(time: u32, now: u32): u32 {
  return now > time ? now - time : 0;
}
