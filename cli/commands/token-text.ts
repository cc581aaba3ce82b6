/** Tokens in what people copy: the token alone, a line of HTTP, what curl prints or keeps in its cookie file. */

/** The values that go by this name, in order; an empty list when there is none. */
export function tokensIn(text: string, name: string): string[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const [only] = lines;
  if (lines.length === 1 && only !== undefined && isBare(only, name)) return [only];
  return lines.flatMap((line) => valuesIn(line, name));
}

/** Whether this is neither a header nor a pair, as base64 with its padding is not. */
function isBare(line: string, name: string): boolean {
  return !/[;:\s]|=[^=]/.test(line) && !line.startsWith(`${name}=`);
}

function valuesIn(line: string, name: string): string[] {
  // Of curl's cookie file (Netscape's format): domain, subdomains, path, secure, expires, name, value.
  const columns = line.split("\t");
  if (columns.length === 7) return columns[5] === name ? [columns[6]!] : [];
  // curl -v puts an arrow in front.
  const header = /^(?:[<>] )?([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(line);
  if (header === null) return cookieValues(line, name);
  const field = header[1]!.toLowerCase();
  if (field === "cookie" || field === "set-cookie") return cookieValues(header[2]!, name);
  return field === name.toLowerCase() ? [header[2]!] : [];
}

/** RFC 6265, section 4.2.1, read as the filter reads it. */
function cookieValues(pairs: string, name: string): string[] {
  const values: string[] = [];
  for (const pair of pairs.split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    values.push(/^".*"$/.test(value) ? value.slice(1, -1) : value);
  }
  return values;
}
