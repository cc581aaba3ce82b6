import { decodeBase64 } from "../../assembly/base64";
import { readEndpoint, writeEndpoint } from "../../assembly/endpoint";
import { stringValue } from "../../assembly/json";
import { MAX_TOKEN, SealingKey, Token, newKey, openToken } from "../../assembly/token";
import { bytesOfHex, bytesOfText } from "./bytes";
import { opens, refused } from "./vectors/tokens";

const memoryOfToken = new Uint8Array(offsetof<Token>());
const token = changetype<Token>(memoryOfToken.dataStart);

function keyOf(id: i32, base64: string, scope: string, sessionName: string): SealingKey {
  const text = bytesOfText(base64);
  const bytes = new ArrayBuffer(33);
  assert(decodeBase64(text.dataStart, text.length, changetype<usize>(bytes)) == 32, "no key");
  const scopeBytes = bytesOfText(scope);
  const nameBytes = bytesOfText(sessionName);
  return newKey(
    <u8>id,
    changetype<usize>(bytes),
    stringValue(scopeBytes.dataStart, scopeBytes.length),
    stringValue(nameBytes.dataStart, nameBytes.length),
  );
}

function isOpened(text: string, keys: SealingKey): bool {
  const bytes = bytesOfText(text);
  return openToken(bytes.dataStart, bytes.length, keys, token);
}

function endpointText(): string {
  const text = new Uint8Array(256);
  return String.UTF8.decodeUnsafe(text.dataStart, writeEndpoint(token.endpoint, text.dataStart));
}

describe("openToken", () => {
  it("opens what another implementation sealed", () => {
    for (let i = 0; i < opens.length; i++) {
      const row = opens[i];
      const key = keyOf(row.keyId, row.key, row.scope, row.sessionName);
      expect(isOpened(row.token, key)).toBe(true, row.it);
      expect(token.issued).toBe(<u32>row.issued, row.it);
      expect(token.seen).toBe(<u32>row.seen, row.it);
      expect(token.session).toBe(U64.parseInt(row.session, 16), row.it);
      expect(endpointText()).toBe(row.endpoint, row.it);
      expect(token.hasCluster).toBe(row.hasCluster, row.it);
      expect(token.cluster).toBe(<u32>row.cluster, row.it);
      expect(token.keyId).toBe(<u8>row.keyId, row.it);
      expect(token.secure).toBe(row.secure, row.it);
    }
  });

  it("refuses what is not ours", () => {
    for (let i = 0; i < refused.length; i++) {
      const row = refused[i];
      const key = keyOf(row.keyId, row.key, row.scope, row.sessionName);
      expect(isOpened(row.token, key)).toBe(false, row.it + ": " + row.why);
    }
  });

  it("takes the key that the head names, wherever it stands", () => {
    const row = opens[0];
    const first = keyOf(row.keyId + 1, opens[24].key, row.scope, row.sessionName);
    const second = keyOf(row.keyId + 2, row.key, row.scope, row.sessionName);
    first.next = second;
    expect(isOpened(row.token, first)).toBe(false, "no key of this id");
    second.next = keyOf(row.keyId, row.key, row.scope, row.sessionName);
    expect(isOpened(row.token, first)).toBe(true, "the third key");
  });
});

describe("SealingKey.seal", () => {
  it("seals to the letter what another implementation sealed", () => {
    for (let i = 0; i < opens.length; i++) {
      const row = opens[i];
      const key = keyOf(row.keyId, row.key, row.scope, row.sessionName);
      const text = bytesOfText(row.endpoint);
      const endpoint = new Uint8Array(260);
      token.issued = <u32>row.issued;
      token.seen = <u32>row.seen;
      token.session = U64.parseInt(row.session, 16);
      token.endpoint = endpoint.dataStart;
      // No text: the endpoint of a token that pins nothing, 0 and the length 0.
      token.endpointLength = text.length ? readEndpoint(text.dataStart, text.length, endpoint.dataStart) : 2;
      token.cluster = <u32>row.cluster;
      token.hasCluster = row.hasCluster;
      token.secure = row.secure;
      const nonce = bytesOfHex(row.nonce);
      const out = new Uint8Array(MAX_TOKEN);
      const length = key.seal(token, nonce.dataStart, out.dataStart);
      expect(String.UTF8.decodeUnsafe(out.dataStart, length)).toBe(row.token, row.it);
    }
  });
});
