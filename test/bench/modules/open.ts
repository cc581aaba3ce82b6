/** The parts of opening a token, each `count` times over. Compiled by open.ts beside this folder. */
import { decodeBase64Url, encodeBase64 } from "../../../assembly/base64";
import { open } from "../../../assembly/chacha20poly1305";
import { findCookie } from "../../../assembly/cookie";
import { writeEndpoint } from "../../../assembly/endpoint";
import { stringValue } from "../../../assembly/json";
import { SealingKey, Token, newKey, openToken } from "../../../assembly/token";

export const header = memory.data(65536);
export const value = memory.data(512);
const NAME = memory.data<u8>([0x61, 0x66, 0x66, 0x69, 0x6e, 0x69, 0x74, 0x79]); // affinity
const token = changetype<Token>(memory.data(offsetof<Token>(), 8));
const decoded = memory.data(512);
const address = memory.data(256);
const written = memory.data(344);
const aad = memory.data(64);
let key: SealingKey = changetype<SealingKey>(0);
const keyBytes = memory.data(32);

/** The key 00 01 .. 1f of id 1, for the empty scope and name. */
export function start(): void {
  for (let i = 0; i < 32; i++) store<u8>(keyBytes + i, <u8>i);
  key = newKey(1, keyBytes, stringValue(0, 0), stringValue(0, 0));
}

/** The cookie `affinity` in the first `length` bytes of `header`; returns the length of its value. */
export function find(count: i32, length: u32): u32 {
  let found: usize = 0;
  for (let i = 0; i < count; i++) found += findCookie(header, header + length, NAME, 8);
  return <u32>found;
}

/** From the characters of the cookie's value to the pod's address; returns how often it opened. */
export function openValue(count: i32, length: u32): u32 {
  let opened: u32 = 0;
  for (let i = 0; i < count; i++) opened += <u32>openToken(value, length, key, token);
  return opened;
}

export function decode(count: i32, length: u32): u32 {
  let size: u32 = 0;
  for (let i = 0; i < count; i++) size += decodeBase64Url(value, length, decoded);
  return size;
}

/** Of what `decode` left. */
export function decrypt(count: i32, length: u32): u32 {
  let opened: u32 = 0;
  store<u16>(aad, 0x0101);
  store<u64>(aad, 0x7974696e69666661, 2); // affinity
  store<u16>(aad, 0x312f, 10); // /1
  for (let i = 0; i < count; i++)
    opened += <u32>(open(keyBytes, decoded + 2, aad, 14, decoded + 14, length - 14) != 0);
  return opened;
}

/** The header that names the pod; returns its length. */
export function write(count: i32, length: u32): u32 {
  openToken(value, length, key, token);
  let size: u32 = 0;
  for (let i = 0; i < count; i++)
    size += encodeBase64(address, writeEndpoint(token.endpoint, address), written);
  return size;
}
