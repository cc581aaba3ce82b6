import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { closeLater } from "./check.ts";
import { STICKY_HOST } from "./client.ts";

/** A line of a cookie file in Netscape's format. */
interface JarCookie {
  domain: string;
  subdomains: boolean;
  path: string;
  secure: boolean;
  httpOnly: boolean;
  /** Unix time in seconds; 0 for a cookie that goes with the browser. */
  expires: number;
  name: string;
  value: string;
}

interface CurlAsk {
  path?: string;
  host?: string;
  /** Certificate file of the server: over https. */
  certificateFile?: string;
  /** Starts as a browser does that was closed: without the cookies that end with it. */
  restarted?: boolean;
}

const HTTP_ONLY = "#HttpOnly_";

/** The real curl, with a cookie file that it reads and writes on every request. */
export class Curl {
  readonly #folder = mkdtempSync(join(tmpdir(), "affinity-curl-"));

  constructor() {
    closeLater(this);
  }

  /** The body of the answer; throws unless the status is below 400. */
  async get(port: number, ask: CurlAsk = {}): Promise<string> {
    const { path = "/", host = STICKY_HOST, certificateFile } = ask;
    const scheme = certificateFile === undefined ? "http" : "https";
    const args = ["--silent", "--show-error", "--fail", "--noproxy", "*", "-b", this.#jar, "-c", this.#jar];
    if (certificateFile !== undefined) args.push("--cacert", certificateFile);
    if (ask.restarted === true) args.push("--junk-session-cookies");
    args.push("--resolve", `${host}:${port}:127.0.0.1`, `${scheme}://${host}:${port}${path}`);
    return (await promisify(execFile)("curl", args)).stdout;
  }

  /** What the cookie file holds since the last request. */
  get cookies(): JarCookie[] {
    return readFileSync(this.#jar, "utf8")
      .split("\n")
      .filter((line) => line.includes("\t"))
      .map((line) => {
        const [domain = "", subdomains, path = "", secure, expires, name = "", value = ""] = line.split("\t");
        return {
          domain: domain.replace(HTTP_ONLY, ""),
          subdomains: subdomains === "TRUE",
          path,
          secure: secure === "TRUE",
          httpOnly: domain.startsWith(HTTP_ONLY),
          expires: Number(expires),
          name,
          value,
        };
      });
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  get #jar(): string {
    return join(this.#folder, "cookie.dat");
  }
}
