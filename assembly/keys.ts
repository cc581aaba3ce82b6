import { decodeBase64 } from "./base64";
import { isEnvironmentName } from "./grammar";
import { JsonKind } from "./json";
import { Section } from "./section";
import { decimal } from "./text";
import { SealingKey } from "./token";

/** The environment of the VM: what host_env_keys and key_values of Envoy's vm_config hand over. */
export class Environment {
  /** Each entry as `NAME=VALUE`. */
  constructor(private readonly entries: string[]) {}

  get(name: string): string | null {
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i];
      if (entry.startsWith(name) && entry.charCodeAt(name.length) == 0x3d)
        return entry.substring(name.length + 1);
    }
    return null;
  }
}

const KEY_SIZE: i32 = 32;
const ENV_REMEDY = "set it for Envoy and list it in vm_config.environment_variables.host_env_keys";
const KEY_REMEDY = "make one with `openssl rand -base64 32`";
export const KEYS_EXAMPLE = '[{"id": 1, "env": "AFFINITY_KEY"}]';
// Ids are a byte, and no two keys have the same.
const MAX_KEYS: i32 = 256;

/** Reads `keys`; the first, with the others behind it, or null when any of them is refused. */
export function readKeys(
  policy: Section,
  scope: string,
  sessionName: string,
  environment: Environment,
): SealingKey | null {
  const value = policy.field("keys");
  if (
    value == null ||
    value.kind != JsonKind.Array ||
    value.items.length == 0 ||
    value.items.length > MAX_KEYS
  ) {
    policy.problems.addWithoutValue(
      policy.at("keys"),
      value == null ? "missing" : "not an array of 1 to 256 keys",
      "write one such as " + KEYS_EXAMPLE,
    );
    return null;
  }
  let first: SealingKey | null = null;
  let last: SealingKey | null = null;
  for (let i = 0; i < value.items.length; i++) {
    const path = policy.at("keys") + "[" + decimal(i) + "]";
    const item = value.items[i];
    if (item.kind != JsonKind.Object) {
      policy.problems.addWithoutValue(path, "not an object", "write one such as " + KEYS_EXAMPLE);
      continue;
    }
    const section = new Section(path, item, policy.problems);
    const id = readId(section);
    const bytes = readKeyBytes(section, environment);
    section.finish();
    if (id < 0 || bytes == null) continue;
    if (first != null && first.find(<u8>id) != null) {
      section.refuse("id", "another key has this id", "give each key its own");
    }
    const key = new SealingKey(<u8>id, bytes, scope, sessionName);
    if (last == null) first = key;
    else last.next = key;
    last = key;
  }
  return first;
}

/** 0 to 255, or -1 when it is refused. A control plane that keeps numbers as doubles may write 2 as 2.0. */
function readId(section: Section): i32 {
  const value = section.field("id");
  if (value != null && value.kind == JsonKind.Number) {
    const text = value.text;
    const dot = text.indexOf(".");
    let whole = dot < 0 ? text : text.substring(0, dot);
    for (let i = dot + 1; dot >= 0 && i < text.length; i++) {
      if (text.charCodeAt(i) != 0x30) whole = "";
    }
    let id = 0;
    for (let i = 0; i < whole.length; i++) {
      const digit = whole.charCodeAt(i) - 0x30;
      id = digit < 0 || digit > 9 || whole.length > 3 ? 256 : id * 10 + digit;
    }
    if (whole.length && id <= 255) return id;
  }
  section.refuse(
    "id",
    value == null ? "missing" : "not a whole number from 0 to 255",
    "give each key its own",
  );
  return -1;
}

function readKeyBytes(section: Section, environment: Environment): ArrayBuffer | null {
  const env = section.field("env");
  const secret = section.field("secret");
  if ((env == null) == (secret == null)) {
    section.problems.addWithoutValue(
      section.path,
      "needs either env or secret",
      'write "env": "NAME" or "secret": "BASE64"',
    );
    return null;
  }
  if (secret != null) {
    if (secret.kind == JsonKind.String) {
      const bytes = decodeKey(secret.text);
      if (bytes != null) return bytes;
    }
    section.problems.addWithoutValue(
      section.at("secret"),
      "not base64 of exactly 32 bytes (not shown)",
      KEY_REMEDY,
    );
    return null;
  }
  const name = env!.text;
  if (env!.kind == JsonKind.String && name.length && !isEnvironmentName(name)) {
    section.problems.addWithoutValue(
      section.at("env"),
      "not a name of an environment variable (not shown)",
      ENV_REMEDY,
    );
    return null;
  }
  const text = env!.kind == JsonKind.String ? environment.get(name) : null;
  if (text == null) {
    section.refuse("env", "not in the VM's environment", ENV_REMEDY);
    return null;
  }
  const bytes = decodeKey(text);
  if (bytes == null)
    section.refuse("env", "its value is not base64 of exactly 32 bytes (not shown)", KEY_REMEDY);
  return bytes;
}

/** Blanks around the text are let pass: a key that came through a file or a Secret often ends in a newline. */
function decodeKey(text: string): ArrayBuffer | null {
  const encoded = String.UTF8.encode(text.trim());
  if (encoded.byteLength != ((KEY_SIZE + 2) / 3) * 4) return null;
  const bytes = new ArrayBuffer(KEY_SIZE + 1);
  const size = decodeBase64(changetype<usize>(encoded), encoded.byteLength, changetype<usize>(bytes));
  return size == KEY_SIZE ? bytes : null;
}
