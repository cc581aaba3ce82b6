/** Lists of words: one packed text, a blank between two. */
import { equal } from "./bytes";
import { obtain, staying } from "./heap";
import { JsonValue } from "./json";
import { Words, expand } from "./literals";
import { putBytes } from "./writer";

const list = obtain(staying, 1024);
let listEnd: usize = 0;
let wordStart: usize = 0;
let wordEnd: usize = 0;

/** Which of the words this is; -1 for none. */
export function indexOfWord(words: Words, value: JsonValue): i32 {
  start(words);
  for (let index = 0; next(); index++) {
    if (wordEnd - wordStart == value.length && equal(wordStart, value.text, value.length)) return index;
  }
  return -1;
}

/** Whether a text starts with one of the words. */
export function startsWithWord(words: Words, value: JsonValue): bool {
  start(words);
  while (next()) {
    if (wordEnd - wordStart <= value.length && equal(wordStart, value.text, wordEnd - wordStart)) return true;
  }
  return false;
}

export function putWord(words: Words, index: i32): void {
  start(words);
  while (next() && index > 0) index--;
  putBytes(wordStart, <u32>(wordEnd - wordStart));
}

function start(words: Words): void {
  listEnd = expand(words, list);
  wordEnd = list - 1;
}

function next(): bool {
  wordStart = wordEnd + 1;
  if (wordStart >= listEnd) return false;
  wordEnd = wordStart;
  while (wordEnd < listEnd && load<u8>(wordEnd) != 0x20) wordEnd++;
  return true;
}
