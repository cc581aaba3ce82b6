/**
 * What the filter knows of each open stream, from its first callback to its last: a hash table by context id, open
 * addressing with linear probing.
 */

import { obtain, release, staying } from "./heap";
import { fillRandom } from "./host";

/** Why a token is written anew. */
export const enum Renewal {
  None,
  /** Its key is an old one, or its client has not been seen for a while. */
  Due,
  /** The cluster that it names is none of ours, or no longer. */
  Homeless,
  /** There is none yet: a cookie of another system named the pod. */
  Accepted,
}


@unmanaged
export class Stream {
  /** The id of the stream's context; 0 in an empty slot (Envoy's ids start at 1). */
  context: u32;
  /** The id of its root context. */
  root: u32;
  /** Of the token that opened on the request, or drawn for a newcomer; 0 when there is none yet. */
  session: u64;
  /** Of the token that opened, if the session is `resumed`. */
  issued: u32;
  resumed: bool;
  /** Why the token that opened is to be written anew though its pod stays. */
  renewal: u8;
  /** Whether the request asked to be explained in the log. */
  explained: bool;
  /** Which cookie attributes the request wants: its headers are gone when the response comes. See Policy. */
  attributes: u8;
  /** Whether the request has a cookie of another system. */
  former: bool;
  /** Which of its root's services the request is for; NO_SERVICE for none. */
  service: u16;
  /** Bytes of the endpoint of the token that opened; 0 when it pins nothing, or something longer than an address. */
  endpointLength: u8;
  /** Its first byte, with room for the others behind. */
  endpoint: u8;
}

export const NO_SERVICE: u16 = 0xffff;

// An IPv6 address with its port; see endpoint.ts.
const MAX_REMEMBERED: u32 = 19;
// Of whole words, so that no field lies across two.
const SLOT: usize = (offsetof<Stream>("endpoint") + MAX_REMEMBERED + 7) & ~7;
// Envoy counts context ids up. Taken as they are, tens of thousands of long streams that began together would be one
// run of slots, to be walked by each newcomer whose id wraps onto it; multiplied by 2^32 over the golden ratio, ids
// in a row lie as far apart as they can. Knuth, The Art of Computer Programming, volume 3, section 6.4.
const SPREAD: u32 = 0x9e3779b1;

// Power of two, 2^(32 - shift). At most half of the slots are taken, so probes end.
let slots: u32 = 1024;
let shift: u32 = 22;
let taken: u32 = 0;
let table: usize = allocate(slots);

/** Starts to know a stream. One that is known already starts afresh. */
export function openStream(context: u32, root: u32): void {
  if (context == 0) return;
  if ((taken + 1) << 1 > slots) grow();
  const stream = slotOf(context);
  if (stream.context == 0) taken++;
  stream.context = context;
  stream.root = root;
  stream.session = 0;
  stream.resumed = false;
  stream.renewal = <u8>Renewal.None;
  stream.explained = false;
  stream.attributes = 0;
  stream.former = false;
  stream.service = NO_SERVICE;
  stream.endpointLength = 0;
}

/** The stream of a context, until the next `openStream` or `closeStream`; null when it is not known. */
export function findStream(context: u32): Stream | null {
  const stream = slotOf(context);
  return stream.context == context && context != 0 ? stream : null;
}

/** Keeps the endpoint of the token that opened, unless it is a long text. */
export function rememberEndpoint(stream: Stream, endpoint: usize, length: u32): void {
  if (length > MAX_REMEMBERED) return;
  memory.copy(endpointOf(stream), endpoint, length);
  stream.endpointLength = <u8>length;
}

/** Where the endpoint is that was kept. */
export function endpointOf(stream: Stream): usize {
  return changetype<usize>(stream) + offsetof<Stream>("endpoint");
}

/** Draws a number for a new session; false when the host has no randomness. */
export function drawSession(stream: Stream): bool {
  return fillRandom(changetype<usize>(stream) + offsetof<Stream>("session"), 8);
}

/** Forgets a stream; returns whether it was known. */
export function closeStream(context: u32): bool {
  if (findStream(context) == null) return false;
  // Knuth, the same section, algorithm R: slots behind the hole move up when their probe would run across it.
  const mask = slots - 1;
  let hole = indexOf(context);
  for (let index = (hole + 1) & mask; ; index = (index + 1) & mask) {
    const stream = slot(index);
    if (stream.context == 0) break;
    if (((index - homeOf(stream.context)) & mask) >= ((index - hole) & mask)) {
      memory.copy(changetype<usize>(slot(hole)), changetype<usize>(stream), SLOT);
      hole = index;
    }
  }
  slot(hole).context = 0;
  taken--;
  return true;
}

/** How many streams are known. */
export function openStreams(): u32 {
  return taken;
}

/** How many slots in a row are taken at most: no probe is longer. */
export function longestRun(): u32 {
  let longest: u32 = 0;
  let run: u32 = 0;
  for (let index: u32 = 0; index < slots << 1; index++) {
    run = slot(index & (slots - 1)).context == 0 ? 0 : run + 1;
    longest = max(longest, run);
  }
  return longest;
}

// @ts-ignore: decorator
@inline
function slot(index: u32): Stream {
  return changetype<Stream>(table + <usize>index * SLOT);
}

// @ts-ignore: decorator
@inline
function homeOf(context: u32): u32 {
  return (context * SPREAD) >> shift;
}

/** The slot that holds this context, or the empty one where it would go. */
function indexOf(context: u32): u32 {
  const mask = slots - 1;
  let index = homeOf(context);
  while (slot(index).context != context && slot(index).context != 0) index = (index + 1) & mask;
  return index;
}

// @ts-ignore: decorator
@inline
function slotOf(context: u32): Stream {
  return slot(indexOf(context));
}

function grow(): void {
  const oldTable = table;
  const oldSlots = slots;
  slots <<= 1;
  shift--;
  table = allocate(slots);
  for (let index: u32 = 0; index < oldSlots; index++) {
    const old = oldTable + <usize>index * SLOT;
    const context = changetype<Stream>(old).context;
    if (context != 0) memory.copy(changetype<usize>(slotOf(context)), old, SLOT);
  }
  release(staying, oldTable);
}

function allocate(count: u32): usize {
  const size = <usize>count * SLOT;
  const at = obtain(staying, size);
  memory.fill(at, 0, size);
  return at;
}
