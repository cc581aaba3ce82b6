import { fillRandom } from "./host";

/**
 * Nonces of ChaCha20-Poly1305, 12 bytes: 8 random ones, drawn once per VM, then a counter. Each worker thread of each
 * gateway has a VM of its own; under one key two of them meet in the first 8 bytes once in 2^32 VMs or so.
 */
const PREFIX: usize = 8;
const nonce = memory.data(12, 4);
let counter: u32 = 0;

/** A nonce that was never used, valid until the next call; 0 when the host has no randomness. */
export function nextNonce(): usize {
  if (counter == 0 && !fillRandom(nonce, PREFIX)) return 0;
  store<u32>(nonce + PREFIX, bswap(counter));
  counter++;
  return nonce;
}
