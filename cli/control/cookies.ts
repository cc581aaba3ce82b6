export interface Cookie {
  name: string;
  value: string;
}

/** The pairs of a Cookie header as they were sent (RFC 6265, section 4.2.1). */
export function sentCookies(header: string | undefined): Cookie[] {
  const pairs = (header ?? "").split(";").map((pair) => pair.trim());
  return pairs.filter((pair) => pair !== "").map(nameAndValue);
}

function nameAndValue(pair: string): Cookie {
  const equals = pair.indexOf("=");
  if (equals === -1) return { name: "", value: pair };
  return { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim() };
}
