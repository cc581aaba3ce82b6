/** The part `keys` of a policy. */
import { decodeBase64 } from "./base64";
import { isDigit } from "./characters";
import { environmentValue } from "./environment";
import { isEnvironmentName } from "./grammar";
import { JsonKind, JsonValue, itemsOf } from "./json";
import { words } from "./literals";
import { Section, openItem } from "./section";
import { KEY_LENGTH, SealingKey, newKey } from "./token";

const enum Field {
  Id,
  Env,
  Secret,
}
const FIELDS = words("id env secret");

const MAX_ID: i32 = 255;
// Ids are a byte, and no two keys have the same.
const MAX_KEYS: i32 = MAX_ID + 1;
const ENV_REMEDY = words("set it for Envoy and list it in vm_config.environment_variables.host_env_keys");
const KEY_REMEDY = words("make one with `openssl rand -base64 32`");
const KEYS_REMEDY = words('write one such as [{"id": 1, "env": "AFFINITY_KEY"}]');

/** Reads the keys in field `field`; the first, with the others behind it. */
export function readKeys(
  policy: Section,
  field: i32,
  scope: JsonValue,
  sessionName: JsonValue,
): SealingKey | null {
  const value = policy.get(field);
  let item = itemsOf(value, MAX_KEYS);
  if (item == null) {
    const reason = value == null ? words("missing") : words("not an array of 1 to 256 keys");
    policy.refuseUnseen(field, reason, KEYS_REMEDY);
  }
  let first: SealingKey | null = null;
  let last: SealingKey | null = null;
  for (let index = 0; item != null; index++) {
    const section = openItem(policy, field, index, item, FIELDS, KEYS_REMEDY);
    if (section != null) {
      const id = readId(section);
      const bytes = readKeyBytes(section);
      if (id >= 0 && bytes) {
        if (first != null && first.find(<u8>id) != null)
          section.refuse(Field.Id, words("another key has this id"), words("give each key its own"));
        const key = newKey(<u8>id, bytes, scope, sessionName);
        if (last == null) first = key;
        else last.next = key;
        last = key;
      }
    }
    item = item.next;
  }
  return first;
}

/** 0 to 255, or -1 when it is refused. */
function readId(section: Section): i32 {
  const id = wholeNumber(section.get(Field.Id), MAX_ID);
  if (id < 0)
    section.require(Field.Id, words("not a whole number from 0 to 255"), words("give each key its own"));
  return id;
}

/**
 * A whole number of at most three digits, up to `most`; -1 for anything else. A control plane that keeps numbers as doubles
 * may write 2 as 2.0.
 */
export function wholeNumber(value: JsonValue | null, most: i32): i32 {
  if (value == null || value.kind != JsonKind.Number) return -1;
  const end = value.text + value.length;
  let at = value.text;
  let number = 0;
  while (at < end && isDigit(load<u8>(at))) number = number * 10 + (load<u8>(at++) - 0x30);
  if (at == value.text || at - value.text > 3 || number > most) return -1;
  if (at < end && load<u8>(at++) != 0x2e) return -1;
  for (; at < end; at++) {
    if (load<u8>(at) != 0x30) return -1;
  }
  return number;
}

/** Where the bytes of the key are, until the next call; 0 when it is refused. */
function readKeyBytes(section: Section): usize {
  const env = section.get(Field.Env);
  const secret = section.get(Field.Secret);
  if ((env == null) == (secret == null)) {
    section.refuseSelf(
      words("needs either env or secret"),
      words('write "env": "NAME" or "secret": "BASE64"'),
    );
    return 0;
  }
  if (secret != null) {
    const bytes = secret.kind == JsonKind.String ? decodeKey(secret) : <usize>0;
    if (bytes == 0)
      section.refuseUnseen(Field.Secret, words("not base64 of exactly 32 bytes (not shown)"), KEY_REMEDY);
    return bytes;
  }
  const isText = env!.kind == JsonKind.String;
  if (isText && env!.length && !isEnvironmentName(env!)) {
    section.refuseUnseen(Field.Env, words("not a name of an environment variable (not shown)"), ENV_REMEDY);
    return 0;
  }
  const value = isText ? environmentValue(env!) : null;
  const bytes = value == null ? <usize>0 : decodeKey(value);
  if (value == null) section.refuse(Field.Env, words("not in the VM's environment"), ENV_REMEDY);
  else if (bytes == 0)
    section.refuse(Field.Env, words("its value is not base64 of exactly 32 bytes (not shown)"), KEY_REMEDY);
  return bytes;
}

const keyBytes = memory.data(KEY_LENGTH + 1);

/** Blanks around the text are let pass: a key that came through a file or a Secret often ends in a newline. */
function decodeKey(value: JsonValue): usize {
  let at = value.text;
  let end = at + value.length;
  while (at < end && load<u8>(at) <= 0x20) at++;
  while (end > at && load<u8>(end - 1) <= 0x20) end--;
  if (end - at != ((KEY_LENGTH + 2) / 3) * 4) return 0;
  return decodeBase64(at, <u32>(end - at), keyBytes) == KEY_LENGTH ? keyBytes : 0;
}
