// The module of aead.test.ts: the cipher as the filter has it, with fixed places for what goes in and comes out.
export { open, seal } from "../../assembly/chacha20poly1305";

export const key = memory.data(32);
export const nonce = memory.data(12);
export const aad = memory.data(1024);
export const text = memory.data(1024);
export const out = memory.data(1024);
