import { misreadsSameSiteNone } from "../../assembly/browsers";
import { JsonValue, stringValue } from "../../assembly/json";
import { CookieAttributes, SameSite, Secure } from "../../assembly/setcookie";
import { make, scratch } from "../../assembly/region";
import { begin, written, writtenLength } from "../../assembly/writer";
import { bytesOfText } from "./bytes";

function misreads(userAgent: string): bool {
  const bytes = bytesOfText(userAgent);
  return misreadsSameSiteNone(bytes.dataStart, bytes.length);
}

const texts: Uint8Array[] = [];

function valueOf(text: string): JsonValue {
  const bytes = bytesOfText(text);
  texts.push(bytes);
  return stringValue(bytes.dataStart, bytes.length);
}

function defaults(): CookieAttributes {
  const attributes = make<CookieAttributes>(scratch);
  attributes.path = valueOf("/");
  attributes.domain = valueOf("");
  attributes.httpOnly = true;
  return attributes;
}

function render(attributes: CookieAttributes, https: bool, misreadsNone: bool): string {
  begin();
  attributes.put(https, misreadsNone);
  return String.UTF8.decodeUnsafe(written, writtenLength());
}

describe("CookieAttributes.put", () => {
  it("writes the defaults", () => {
    const attributes = defaults();
    expect(render(attributes, false, false)).toBe("; Path=/; HttpOnly; SameSite=Lax");
    expect(render(attributes, true, false)).toBe("; Path=/; Secure; HttpOnly; SameSite=Lax");
  });

  it("writes all of them, in the order of lua-resty-cookie", () => {
    const attributes = defaults();
    attributes.domain = valueOf("example.com");
    attributes.path = valueOf("/shop");
    attributes.secure = Secure.Always;
    attributes.sameSite = SameSite.Strict;
    attributes.partitioned = true;
    const expected = "; Domain=example.com; Path=/shop; Secure; HttpOnly; SameSite=Strict; Partitioned";
    expect(render(attributes, false, false)).toBe(expected);
  });

  it("leaves out what is turned off", () => {
    const attributes = defaults();
    attributes.httpOnly = false;
    attributes.sameSite = SameSite.Absent;
    attributes.secure = Secure.Never;
    expect(render(attributes, true, false)).toBe("; Path=/");
  });

  it("writes None and Partitioned only beside Secure", () => {
    const attributes = defaults();
    attributes.sameSite = SameSite.None;
    attributes.partitioned = true;
    expect(render(attributes, false, false)).toBe("; Path=/; HttpOnly");
    expect(render(attributes, true, false)).toBe("; Path=/; Secure; HttpOnly; SameSite=None; Partitioned");
  });

  it("keeps None from a browser that misreads it, and nothing else", () => {
    const attributes = defaults();
    attributes.sameSite = SameSite.None;
    expect(render(attributes, true, true)).toBe("; Path=/; Secure; HttpOnly");
    attributes.sameSite = SameSite.Strict;
    expect(render(attributes, true, true)).toBe("; Path=/; Secure; HttpOnly; SameSite=Strict");
  });
});

const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) ";

describe("misreadsSameSiteNone", () => {
  it("knows the browsers that ingress-nginx names", () => {
    expect(
      misreads("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/51.0.2704.79 Safari/537.36"),
    ).toBe(true);
    expect(
      misreads("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/66.0.3359.139 Safari/537.36"),
    ).toBe(true);
    expect(
      misreads("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/49.0 Safari/537.36"),
    ).toBe(true);
    expect(misreads("Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X) AppleWebKit/605.1.15")).toBe(
      true,
    );
    expect(misreads("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15")).toBe(true);
    expect(misreads(MAC + "Version/12.1.2 Safari/605.1.15")).toBe(true);
  });

  it("reads a version to its last digit", () => {
    for (let version = 0; version < 1000; version++) {
      const named = (version >= 4 && version <= 6) || (version >= 40 && version <= 69);
      const text = version.toString();
      expect(misreads("Chrome/" + text + ".0.2704.79 Safari/537.36")).toBe(named, "Chrome/" + text + ".");
      expect(misreads("Chrome/" + text)).toBe(named, "Chrome/" + text);
    }
    for (let more = 0; more < 10; more++) {
      const digit = more.toString();
      expect(misreads("CPU iPhone OS 12" + digit)).toBe(false, "CPU iPhone OS 12" + digit);
      expect(misreads("iPad; CPU OS 12" + digit)).toBe(false, "iPad; CPU OS 12" + digit);
      expect(misreads("Macintosh; Intel Mac OS X 10_14" + digit + " Safari/605")).toBe(
        false,
        "10_14" + digit,
      );
    }
    expect(misreads("CPU iPhone OS 12")).toBe(true);
    expect(misreads("iPad; CPU OS 12")).toBe(true);
    expect(misreads("Safari Macintosh Intel Mac OS X 10_14")).toBe(true);
  });

  it("looks at each place where a name stands", () => {
    expect(misreads("Chrome/120.0 Chrome/51.0")).toBe(true);
    expect(misreads("Chrome/Chrome/4")).toBe(true);
    expect(misreads("CPU iPhone OS 120 CPU iPhone OS 12_1")).toBe(true);
  });

  it("takes a Safari on macOS 10.14 by all three of its words", () => {
    expect(misreads("Intel Mac OS X 10_14_6) Safari/605.1.15")).toBe(false, "no Macintosh");
    expect(misreads("Macintosh; Intel Mac OS X 10_14_6) Gecko/20100101")).toBe(false, "no Safari");
    expect(misreads("Macintosh; Intel Mac OS X 10_14_6) HeadlessChrome Safari/605")).toBe(false, "a Chrome");
  });

  it("lets all others have it", () => {
    expect(misreads("")).toBe(false);
    expect(misreads("curl/8.5.0")).toBe(false);
    expect(misreads("Chrome/")).toBe(false);
    expect(misreads("Chrome/x51")).toBe(false);
    expect(misreads("Chrome 51")).toBe(false);
    expect(misreads("chrome/51")).toBe(false);
    expect(
      misreads("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"),
    ).toBe(false);
    expect(
      misreads("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0 Safari/537.36"),
    ).toBe(false);
    expect(misreads("Mozilla/5.0 (iPhone; CPU iPhone OS 13_0 like Mac OS X) AppleWebKit/605.1.15")).toBe(
      false,
    );
    expect(misreads(MAC + "Chrome/120.0.0.0 Safari/537.36")).toBe(false);
    expect(
      misreads(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/13.1 Safari/605.1.15",
      ),
    ).toBe(false);
  });
});
