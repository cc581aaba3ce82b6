/** An answer of the demo's server that refuses; its message is the sentence the server gave. */
export class Refused extends Error {}

/** Nothing answered: the gateway, which this page comes through too, is away. */
export class Unreachable extends Error {}

/** GET of a JSON document. */
export function get(path) {
  return ask(path, { cache: "no-store" });
}

/** POST, with a JSON body if one is given. */
export function post(path, body) {
  if (body === undefined) return ask(path, { method: "POST" });
  const headers = { "content-type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function ask(path, options) {
  let response;
  let text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch {
    throw new Unreachable("the gateway does not answer");
  }
  const answer = parsed(text);
  if (!response.ok) throw new Refused(answer?.error ?? `${path}: ${response.status} ${text.trim()}`.trim());
  return answer;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
