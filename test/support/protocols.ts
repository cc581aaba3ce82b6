import { http1, http2, http2Session, type Answer, type Ask } from "./client.ts";

export type Client = (ask: Ask) => Promise<Answer>;

/** A client on HTTP/1.1, with a connection for each request, and one on HTTP/2, with one for all. */
export async function clientsOf({ port }: { port: number }): Promise<[protocol: string, client: Client][]> {
  const session = await http2Session(port);
  return [
    ["HTTP/1.1", (ask) => http1(port, ask)],
    ["HTTP/2", (ask) => http2(session, ask)],
  ];
}
