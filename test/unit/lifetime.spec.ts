import { Lifetime, MAX_LIFETIME } from "../../assembly/lifetime";

const MAX: u32 = u32.MAX_VALUE;
const NOW: u32 = 1_800_000_000;

function lifetimeOf(absolute: u32, idle: u32): Lifetime {
  const lifetime = new Lifetime();
  lifetime.absolute = absolute;
  lifetime.idle = idle;
  return lifetime;
}

function written(lifetime: Lifetime, issued: u32, now: u32): string {
  lifetime.permanent = true;
  const text = new Uint8Array(MAX_LIFETIME + 1);
  const length = <u32>(lifetime.write(issued, now, text.dataStart) - text.dataStart);
  assert(length <= MAX_LIFETIME && text[MAX_LIFETIME] == 0, "more than MAX_LIFETIME");
  return String.UTF8.decodeUnsafe(text.dataStart, length);
}

describe("Lifetime.isOver", () => {
  it("is never true without a timeout", () => {
    const endless = lifetimeOf(0, 0);
    expect(endless.ends).toBe(false);
    expect(endless.isOver(0, 0, MAX)).toBe(false);
    expect(endless.isRenewalDue(0, MAX)).toBe(false);
  });

  it("counts absoluteTimeout from the beginning of the session, to the second", () => {
    const lifetime = lifetimeOf(3600, 0);
    expect(lifetime.ends).toBe(true);
    expect(lifetime.isOver(NOW - 3599, NOW, NOW)).toBe(false);
    expect(lifetime.isOver(NOW - 3600, NOW, NOW)).toBe(true);
    expect(lifetime.isOver(NOW - 3601, NOW, NOW)).toBe(true);
    expect(lifetime.isOver(NOW - 10, 0, NOW)).toBe(false, "when it was last seen is no matter");
  });

  it("counts idleTimeout from when the client was last seen, to the second", () => {
    const lifetime = lifetimeOf(0, 60);
    expect(lifetime.ends).toBe(true);
    expect(lifetime.isOver(0, NOW - 59, NOW)).toBe(false, "when it began is no matter");
    expect(lifetime.isOver(NOW, NOW - 60, NOW)).toBe(true);
    expect(lifetime.isOver(NOW, NOW - 61, NOW)).toBe(true);
  });

  it("ends a session by the timeout that comes first", () => {
    const lifetime = lifetimeOf(3600, 60);
    expect(lifetime.isOver(NOW - 3599, NOW - 59, NOW)).toBe(false);
    expect(lifetime.isOver(NOW - 3600, NOW - 59, NOW)).toBe(true);
    expect(lifetime.isOver(NOW - 3599, NOW - 60, NOW)).toBe(true);
  });

  it("takes a time that is ahead of ours for now", () => {
    const lifetime = lifetimeOf(1, 1);
    expect(lifetime.isOver(NOW + 1, NOW + 1, NOW)).toBe(false);
    expect(lifetime.isOver(MAX, MAX, 0)).toBe(false);
    expect(lifetime.isOver(NOW + 1, NOW - 1, NOW)).toBe(true, "seen in time, but long ago");
    expect(lifetime.isOver(NOW - 1, NOW + 1, NOW)).toBe(true, "the session is over, seen or not");
    expect(lifetime.isRenewalDue(NOW + 1000, NOW)).toBe(false);
  });

  it("holds at both ends of the clock", () => {
    const longest = lifetimeOf(1439985600, 1439985600);
    expect(longest.isOver(0, 0, 1439985599)).toBe(false);
    expect(longest.isOver(0, 0, 1439985600)).toBe(true);
    expect(longest.isOver(MAX - 1439985599, MAX - 1439985599, MAX)).toBe(false);
    expect(longest.isOver(MAX - 1439985600, MAX, MAX)).toBe(true);
    expect(longest.isOver(0, 0, MAX)).toBe(true);
  });
});

describe("Lifetime.isRenewalDue", () => {
  it("is true from a tenth of idleTimeout on, rounded down, and not before a second", () => {
    const idles: u32[] = [1, 9, 10, 19, 20, 60, 1800, 1809, 1439985600];
    const tenths: u32[] = [1, 1, 1, 1, 2, 6, 180, 180, 143998560];
    for (let i = 0; i < idles.length; i++) {
      const lifetime = lifetimeOf(0, idles[i]);
      const it = idles[i].toString();
      expect(lifetime.isRenewalDue(NOW - tenths[i] + 1, NOW)).toBe(false, it);
      expect(lifetime.isRenewalDue(NOW - tenths[i], NOW)).toBe(true, it);
      expect(lifetime.isRenewalDue(0, NOW)).toBe(true, it);
    }
  });

  it("is for idleTimeout alone", () => {
    expect(lifetimeOf(10, 0).isRenewalDue(0, NOW)).toBe(false);
  });
});

describe("Lifetime.left", () => {
  it("is what is left of absoluteTimeout, or idleTimeout when that is less", () => {
    expect(lifetimeOf(3600, 0).left(NOW, NOW)).toBe(3600);
    expect(lifetimeOf(3600, 0).left(NOW - 3599, NOW)).toBe(1);
    expect(lifetimeOf(3600, 0).left(NOW - 3600, NOW)).toBe(0);
    expect(lifetimeOf(3600, 0).left(0, NOW)).toBe(0);
    expect(lifetimeOf(3600, 0).left(NOW + 5, NOW)).toBe(3600);
    expect(lifetimeOf(0, 60).left(0, NOW)).toBe(60);
    expect(lifetimeOf(3600, 60).left(NOW - 3540, NOW)).toBe(60);
    expect(lifetimeOf(3600, 60).left(NOW - 3541, NOW)).toBe(59);
  });
});

describe("Lifetime.write", () => {
  it("writes nothing for a session cookie", () => {
    const lifetime = lifetimeOf(3600, 60);
    expect(lifetime.permanent).toBe(false);
    expect(lifetime.write(NOW, NOW, 0)).toBe(0);
  });

  it("writes Expires and Max-Age that say the same", () => {
    const day = lifetimeOf(86400, 0);
    // 784111777 is RFC 9110's Sun, 06 Nov 1994 08:49:37 GMT.
    expect(written(day, 784111777, 784111777)).toBe("; Expires=Mon, 07 Nov 1994 08:49:37 GMT; Max-Age=86400");
    expect(written(day, 784111777, 784111777 + 86399)).toBe(
      "; Expires=Mon, 07 Nov 1994 08:49:37 GMT; Max-Age=1",
    );
    expect(written(lifetimeOf(86400, 3600), 784111777, 784111777 + 60)).toBe(
      "; Expires=Sun, 06 Nov 1994 09:50:37 GMT; Max-Age=3600",
    );
  });

  it("says at once when nothing is left", () => {
    expect(written(lifetimeOf(60, 0), 784111777 - 100, 784111777)).toBe(
      "; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=0",
    );
  });

  it("stays within the dates of 32 bits", () => {
    expect(written(lifetimeOf(1439985600, 0), MAX, MAX)).toBe(
      "; Expires=Sun, 07 Feb 2106 06:28:15 GMT; Max-Age=1439985600",
    );
    expect(written(lifetimeOf(1439985600, 0), 0, 0)).toBe(
      "; Expires=Wed, 19 Aug 2015 12:00:00 GMT; Max-Age=1439985600",
    );
  });
});
