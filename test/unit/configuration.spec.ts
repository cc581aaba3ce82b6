import { readConfiguration } from "../../assembly/configuration";
import { setEnvironment } from "../../assembly/environment";
import { Policy, attributesOf } from "../../assembly/policy";
import { problems } from "../../assembly/problems";
import { Text } from "../../assembly/text";
import { bytesOfText } from "./bytes";
import { configurations } from "./vectors/configurations";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const environment = bytesOfText("AFFINITY_KEY=" + KEY + "\0WITH_NEWLINE=" + KEY + "\n\0SHORT=AAEC\0EMPTY=\0");
setEnvironment(environment.dataStart, environment.length);

// What a policy is made of may lie in these bytes.
let configuration = new Uint8Array(0);
let lines: string[] = [];

function read(text: string, pluginName: string = "plugin"): Policy | null {
  // The reader changes its bytes: they are its own.
  configuration = bytesOfText(text);
  const name = bytesOfText(pluginName);
  const policy = readConfiguration(
    configuration.dataStart,
    configuration.length,
    name.dataStart,
    name.length,
  );
  lines = [];
  let problem = problems;
  while (problem != null) {
    lines.push(textOf(problem.line));
    problem = problem.next;
  }
  return policy;
}

function textOf(text: Text): string {
  return String.UTF8.decodeUnsafe(text.start, text.length);
}

function hasLineWith(part: string): bool {
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].includes(part)) return true;
  }
  return false;
}

describe("readConfiguration", () => {
  it("refuses what the vectors name, with path and value", () => {
    for (let i = 0; i < configurations.length; i++) {
      const row = configurations[i];
      const shown = row.value.length ? row.path + " = " + row.value : row.path;
      expect(read(row.configuration) == null).toBe(true, row.it);
      expect(hasLineWith(shown)).toBe(true, row.it + ": " + shown + " in " + lines.join(" | "));
    }
  });

  it("fills in the defaults", () => {
    const policy = read('{"keys": [{"id": 1, "env": "AFFINITY_KEY"}]}');
    expect(lines.join(" | ")).toBe("");
    expect(textOf(policy!.scope)).toBe("plugin");
    expect(policy!.repin).toBe(true);
    expect(policy!.asksUserAgent).toBe(false);
    expect(policy!.asksScheme).toBe(true);
    expect(textOf(policy!.sessionName)).toBe("affinity");
    expect(textOf(policy!.cookieStart)).toBe("affinity=");
    expect(textOf(policy!.hostHeader)).toBe("x-affinity-host");
    expect(textOf(policy!.attributesFor(attributesOf(false, false)))).toBe(
      "; Path=/; HttpOnly; SameSite=Lax",
    );
  });

  it("takes what is written", () => {
    const policy = read(
      '{"scope": "a/b", "sessionName": "__Host-s", "hostHeader": "X-Pod", "onHostChange": "keep",' +
        '"keys": [{"id": 2, "secret": "' +
        KEY +
        '"}, {"id": 1.0, "env": "WITH_NEWLINE"}],' +
        '"cookie": {"secure": true, "sameSite": "None", "conditionalSameSiteNone": true}}',
    );
    expect(lines.join(" | ")).toBe("");
    expect(textOf(policy!.scope)).toBe("a/b");
    expect(policy!.repin).toBe(false);
    expect(policy!.asksUserAgent).toBe(true);
    expect(policy!.asksScheme).toBe(false);
    expect(textOf(policy!.cookieStart)).toBe("__Host-s=");
    expect(textOf(policy!.hostHeader)).toBe("x-pod");
    expect(textOf(policy!.attributesFor(attributesOf(false, false)))).toBe(
      "; Path=/; Secure; HttpOnly; SameSite=None",
    );
    expect(textOf(policy!.attributesFor(attributesOf(false, true)))).toBe("; Path=/; Secure; HttpOnly");
    expect(policy!.keys.id).toBe(2);
    expect(policy!.keys.next!.id).toBe(1);
    expect(policy!.keys.next!.next == null).toBe(true);
  });

  it("leaves off what is not asked for", () => {
    const policy = read('{"keys": [{"id": 1, "env": "AFFINITY_KEY"}]}');
    expect(policy!.balanced).toBe(false);
    expect(policy!.inHeader).toBe(false);
    expect(policy!.lifetime.ends).toBe(false);
    expect(policy!.lifetime.permanent).toBe(false);
    expect(policy!.keyHeader == null).toBe(true);
    expect(policy!.stripFromRequest).toBe(false);
    expect(policy!.preventCaching).toBe(false);
    expect(policy!.clusters == null).toBe(true);
    expect(policy!.letsGo).toBe(false);
    expect(policy!.debug == null).toBe(true);
  });

  it("takes timeouts, clusters and the rest of a persistent policy", () => {
    const policy = read(
      '{"keys": [{"id": 1, "env": "AFFINITY_KEY"}], "absoluteTimeout": "12h", "idleTimeout": "1m30s",' +
        '"cookie": {"lifetimeType": "Permanent"}, "keyHeader": "X-Key", "stripFromRequest": true,' +
        '"preventCaching": true, "cluster": {"header": "X-Version", "names": ["a", "b"]},' +
        '"debug": {"header": "X-Why", "secret": "sixteen-letters!"}}',
    );
    expect(lines.join(" | ")).toBe("");
    expect(policy!.lifetime.absolute).toBe(43200);
    expect(policy!.lifetime.idle).toBe(90);
    expect(policy!.lifetime.permanent).toBe(true);
    expect(textOf(policy!.keyHeader!)).toBe("x-key");
    expect(policy!.stripFromRequest).toBe(true);
    expect(policy!.preventCaching).toBe(true);
    expect(textOf(policy!.clusters!.header)).toBe("x-version");
    expect(textOf(policy!.clusters!.first)).toBe("a");
    expect(policy!.letsGo).toBe(true);
    expect(policy!.debug != null).toBe(true);
  });

  it("takes mode balanced and type Header, with the defaults of both", () => {
    const policy = read(
      '{"keys": [{"id": 1, "env": "AFFINITY_KEY"}], "mode": "balanced", "type": "Header", "sessionName": "X-Session"}',
    );
    expect(lines.join(" | ")).toBe("");
    expect(policy!.balanced).toBe(true);
    expect(policy!.inHeader).toBe(true);
    expect(textOf(policy!.sessionName)).toBe("x-session");
    expect(textOf(policy!.keyHeader!)).toBe("x-affinity-key");
    expect(policy!.asksScheme).toBe(false);
    expect(policy!.asksUserAgent).toBe(false);
  });

  it("keeps a client with its cluster under onHostChange keep", () => {
    const policy = read(
      '{"keys": [{"id": 1, "env": "AFFINITY_KEY"}], "onHostChange": "keep", "cluster": {"names": ["a"]}}',
    );
    expect(textOf(policy!.clusters!.header)).toBe("x-affinity-cluster");
    expect(policy!.letsGo).toBe(false);
  });

  it("shows no secret of debug, wherever it stands in there", () => {
    const secret = "only-operators-know";
    const wrong: string[] = [
      '{"secret": "' + secret + ' "}',
      '{"secret": ["' + secret + '"]}',
      '{"secrets": "' + secret + '"}',
      '{"secret": "' + secret + '", "header": 5}',
      '{"header": "' + secret + '"}',
      '{"header": "' + secret + '", "secret": "x-affinity-debug"}',
      '"' + secret + '"',
    ];
    for (let i = 0; i < wrong.length; i++) {
      const text = '{"keys": [{"id": 1, "env": "AFFINITY_KEY"}], "debug": ' + wrong[i] + "}";
      expect(read(text) == null).toBe(true, text);
      expect(hasLineWith("$.debug")).toBe(true, text);
      expect(hasLineWith(secret)).toBe(false, lines.join(" | "));
    }
  });

  it("names each of several problems", () => {
    expect(read('{"sessionName": "", "hostHeader": 5, "keys": []}') == null).toBe(true);
    expect(lines.length).toBe(3, lines.join(" | "));
  });

  it("shows no value of the environment, and no key that stands in the wrong place", () => {
    read('{"keys": [{"id": 1, "env": "SHORT"}]}');
    expect(lines.join(" | ")).toBe(
      '$.keys[0].env = "SHORT": its value is not base64 of exactly 32 bytes (not shown); make one with `openssl rand -base64 32`',
    );
    read(
      '{"keys": [{"id": 1, "env": "' +
        KEY +
        '"}], "sessionName": "' +
        KEY +
        '", "' +
        KEY +
        '": "' +
        KEY +
        '"}',
    );
    expect(lines.length).toBe(3);
    expect(hasLineWith(KEY)).toBe(false, lines.join(" | "));
  });

  it("needs a scope, from the plugin's name or its own", () => {
    const text = '{"keys": [{"id": 1, "env": "AFFINITY_KEY"}]}';
    expect(read(text, "") == null).toBe(true);
    expect(hasLineWith("$.scope: missing")).toBe(true, lines.join(" | "));
    expect(read(text, "a name with blanks") == null).toBe(true);
  });

  it("refuses more than 1 MiB unread", () => {
    expect(read(" ".repeat(1024 * 1024 + 1)) == null).toBe(true);
    expect(lines.join(" | ")).toBe("$: longer than 1 MiB; keep to what the README names");
  });
});
