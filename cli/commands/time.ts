/** RFC 3339, section 5.6. */
const DATE_TIME = /^\d{4}-\d{2}-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Unix time in seconds of a time of RFC 3339; NaN when it is none. Date.parse takes the 30th of February for the 2nd of March. */
export function dateTime(text: string): number {
  const parts = DATE_TIME.exec(text);
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  if (parts === null || day.getUTCDate() !== Number(parts[1])) return NaN;
  return Math.floor(Date.parse(text) / 1000);
}
