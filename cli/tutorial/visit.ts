import { request } from "node:http";
import type { Where } from "./settings.ts";

export interface Answer {
  status: number;
  text: string;
  setCookie: string[];
}

// The application answers at once; a gateway that tries other pods first takes seconds.
const PATIENCE_MS = 15_000;

/**
 * One request on a connection of its own, as each run of curl makes it.
 *
 * @throws Error with the connection's error code as its message, or what else kept the answer from coming
 */
export function get(
  { host, port }: Where,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(new Error(error.code ?? error.message));
    const asked = request({ host, port, path, headers, agent: false, timeout: PATIENCE_MS }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      answer.once("error", failed);
      answer.once("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          text,
          setCookie: answer.headers["set-cookie"] ?? [],
        }),
      );
    });
    asked.once("timeout", () => asked.destroy(new Error(`nothing came for ${PATIENCE_MS / 1000} s`)));
    asked.once("error", failed);
    asked.end();
  });
}
