/** The environment of the VM: what host_env_keys and key_values of Envoy's vm_config hand over. */
import { equal } from "./bytes";
import { JsonValue, stringValue } from "./json";

let entries: usize = 0;
let entriesEnd: usize = 0;

/** `length` bytes: each entry as `NAME=VALUE` and a NUL. */
export function setEnvironment(at: usize, length: u32): void {
  entries = at;
  entriesEnd = at + length;
}

/** The value of a variable; null when it is not there. */
export function environmentValue(name: JsonValue): JsonValue | null {
  let at = entries;
  while (at < entriesEnd) {
    let end = at;
    while (end < entriesEnd && load<u8>(end) != 0) end++;
    const value = at + name.length;
    if (value < end && load<u8>(value) == 0x3d && equal(at, name.text, name.length))
      return stringValue(value + 1, <u32>(end - value - 1));
    at = end + 1;
  }
  return null;
}
