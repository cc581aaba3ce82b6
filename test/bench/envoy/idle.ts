// A program of the bench, in a process of its own so that its memory is no burden to the driver: serves `hold`, streams
// that never end, and opens such streams through an Envoy. Takes { port, count }, sends { open } when they all are.
import { connect, constants, createServer, type ClientHttp2Session } from "node:http2";
import { HOLD_PATH } from "./bootstrap.ts";

const STREAMS_PER_CONNECTION = 100;

const server = createServer({ settings: { maxConcurrentStreams: 1000 } });
server.on("stream", (stream) => {
  stream.on("error", () => {});
  stream.respond({ ":status": constants.HTTP_STATUS_OK });
});
server.on("session", (session) => session.on("error", () => {}));
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1" }, () => process.send?.({ open: 0 }));

process.on("message", ({ port, count }: { port: number; count: number }) => {
  open(port, count).then(
    () => process.send?.({ open: count }),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit());

async function open(port: number, count: number): Promise<void> {
  for (let left = count; left > 0; left -= STREAMS_PER_CONNECTION) {
    const session = connect(`http://127.0.0.1:${port}`);
    // Envoy ends before we do.
    session.on("error", () => {});
    const streams = Math.min(left, STREAMS_PER_CONNECTION);
    await Promise.all(Array.from({ length: streams }, () => hold(session)));
  }
}

function hold(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": HOLD_PATH, ":authority": "bench.example" });
    stream.once("response", ({ ":status": status }) => {
      if (status === constants.HTTP_STATUS_OK) resolve();
      else reject(new Error(`${HOLD_PATH}: answered with ${status}`));
    });
    stream.once("error", reject);
  });
}
