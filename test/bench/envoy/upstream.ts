/** Pods of the bench: they answer with their port, at as little cost as Node can. */
import { createServer, type Server, type Socket } from "node:net";

const HEADERS_END = "\r\n\r\n";

export interface Pods {
  ports: readonly number[];
  close(): void;
}

/** Pods that listen on these ports of 127.0.0.1. */
export async function startPods(ports: readonly number[]): Promise<Pods> {
  const servers = await Promise.all(ports.map(startPod));
  return { ports, close: () => servers.forEach((server) => server.close()) };
}

/** What a pod answers; see `answerEnd`. */
function answerOf(port: number): Buffer {
  const body = `${port}\n`;
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}${HEADERS_END}${body}`,
  );
}

/** By what an answer of this pod ends, whatever headers were added to it. */
export function answerEnd(port: number): Buffer {
  return Buffer.from(`${HEADERS_END}${port}\n`);
}

function startPod(port: number): Promise<Server> {
  const answer = answerOf(port);
  const server = createServer({ noDelay: true }, (socket: Socket) => {
    let before = "";
    // Envoy sends requests without a body, and the next one only after the answer.
    socket.on("data", (data: Buffer) => {
      const end = data.toString("latin1", Math.max(0, data.length - HEADERS_END.length));
      before = end.length < HEADERS_END.length ? (before + end).slice(-HEADERS_END.length) : end;
      if (before === HEADERS_END) socket.write(answer);
    });
    socket.on("error", () => socket.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", backlog: 4096 }, () => resolve(server));
  });
}
