import { createServer } from "node:net";

/**
 * @param variable the environment variable that moves this port
 * @throws Error with one sentence when nothing can listen there on 127.0.0.1
 */
export function checkPort(port: number, variable: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", ({ code, message }: NodeJS.ErrnoException) => {
      const reason = code === "EADDRINUSE" ? "in use by another program" : message;
      reject(
        new Error(
          `port ${port} on 127.0.0.1: ${reason}; end that program or choose a free port by ${variable}`,
        ),
      );
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve()));
  });
}
