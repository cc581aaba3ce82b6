import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { closeLater } from "./check.ts";
import { http1, STICKY_HOST, type Answer, type Ask } from "./client.ts";
import type { Envoy } from "./envoy.ts";
import { startGateway } from "./gateway.ts";
import type { PodLike } from "./pod.ts";
import { freePort } from "./ports.ts";
import type { Json } from "./shape.ts";

interface Certificate {
  keyFile: string;
  file: string;
  pem: string;
}

/** One Envoy that listens twice, on plain http as shipped and on https. */
export interface TwoSchemes {
  envoy: Envoy;
  tlsPort: number;
  certificate: Certificate;
  http(ask?: Ask): Promise<Answer>;
  https(ask?: Ask): Promise<Answer>;
}

/** Starts the shipped gateway with a second listener, the same but for TLS and its port. */
export async function startTwoSchemes(
  pods: readonly PodLike[],
  options: Parameters<typeof startGateway>[1] = {},
): Promise<TwoSchemes> {
  const certificate = await selfSigned(STICKY_HOST);
  const tlsPort = await freePort();
  const change = (config: Json): void => {
    options.change?.(config);
    addTlsListener(config, tlsPort, certificate);
  };
  const envoy = await startGateway(pods, { ...options, change });
  return {
    envoy,
    tlsPort,
    certificate,
    http: (ask = {}) => http1(envoy.port, ask),
    https: (ask = {}) => http1(tlsPort, { ...ask, certificate: certificate.pem }),
  };
}

function addTlsListener(config: Json, port: number, certificate: Certificate): void {
  const { listeners } = config.static_resources;
  const listener = structuredClone(listeners[0]);
  listener.name = "https";
  listener.address.socket_address.port_value = port;
  listener.filter_chains[0].transport_socket = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
      common_tls_context: {
        alpn_protocols: ["h2", "http/1.1"],
        tls_certificates: [
          {
            certificate_chain: { filename: certificate.file },
            private_key: { filename: certificate.keyFile },
          },
        ],
      },
    },
  };
  listeners.push(listener);
}

/** A certificate of this host, made by openssl for a day, in a folder that goes when the test ends. */
async function selfSigned(host: string): Promise<Certificate> {
  const folder = mkdtempSync(join(tmpdir(), "affinity-tls-"));
  closeLater({ close: () => rmSync(folder, { recursive: true }) });
  const keyFile = join(folder, "key.pem");
  const file = join(folder, "certificate.pem");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  const name = ["-days", "1", "-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
  try {
    await promisify(execFile)("openssl", ["req", "-x509", ...key, "-out", file, ...name]);
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const reason = isMissing ? "not found on PATH" : String(cause);
    throw new Error(`openssl: ${reason}; the tests of https make their certificate with it`, { cause });
  }
  return { keyFile, file, pem: readFileSync(file, "utf8") };
}
