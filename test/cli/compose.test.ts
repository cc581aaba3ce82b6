import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { PINNED_ENVOY } from "../../cli/envoy.ts";
import { root } from "../../cli/root.ts";
import { test } from "../support/check.ts";

interface Service {
  build?: { context: string; dockerfile: string };
  image?: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  depends_on?: Record<string, { condition: string }>;
  deploy?: { replicas: number };
  healthcheck?: object;
  [field: string]: unknown;
}

function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

const compose = parse(text("docker-compose.yml")) as { services: Record<string, Service> };
const gateway = compose.services["gateway"]!;
const pods = compose.services["session-svc"]!;
const page = compose.services["demo-page"]!;
const redis = compose.services["redis"]!;
const controls = compose.services["controls"]!;
const dockerfiles = [gateway, pods, page, controls].map(dockerfileOf);

function dockerfileOf({ build }: Service): string {
  return join(build!.context, build!.dockerfile);
}

test("the compose file has nothing that either docker-compose 1.29 or Compose v2 refuses", () => {
  // 1.29 refuses `name` and ignores `configs`; v2 warns of `version`.
  deepEqual(Object.keys(compose), ["services"]);
  // Ten containers cannot share one name or one port of the host; 1.29 takes `scale` or `deploy`, not both.
  for (const field of ["container_name", "ports", "scale"]) equal(field in pods, false, field);
});

test("ten pods are behind one gateway on port 32209, which waits until they are healthy", () => {
  const always = Object.entries(compose.services).filter(([, service]) => !("profiles" in service));
  deepEqual(always.map(([name]) => name).sort(), ["demo-page", "gateway", "redis", "session-svc"]);
  equal(pods.deploy?.replicas, 10);
  ok(pods.healthcheck);
  deepEqual(gateway.ports, ["32209:32209"]);
  deepEqual(gateway.depends_on, {
    "session-svc": { condition: "service_healthy" },
    "demo-page": { condition: "service_started" },
  });
});

test("the pods have their sessions in the Redis of the file, which keeps nothing on disk", () => {
  equal(redis.image, "redis:7-alpine");
  equal(pods.environment!["REDIS_URL"], "redis://redis:6379");
  match(pods.environment!["SESSION_SECRET"]!, /^\$\{SESSION_SECRET:-.*public.*\}$/);
  deepEqual(redis.command, ["redis-server", "--save", "", "--appendonly", "no"]);
});

test("nothing but the gateway is reached from outside, and the page has no controls", () => {
  for (const service of [pods, page, redis]) equal("ports" in service, false);
  match(text(dockerfileOf(page)), /^CMD \["node", "build\/ts\/cli\/control\/page-server\.js"\]$/m);
});

test("the demo with controls starts only when its profile is asked for, and publishes nothing", () => {
  deepEqual(controls["profiles"], ["controls"]);
  // The demo itself listens on 127.0.0.1 alone, here the machine's own.
  equal(controls["network_mode"], "host");
  equal("ports" in controls, false);
  // Beside the gateway of this file.
  deepEqual(controls.environment, {
    PORT: "${PORT:-32210}",
    ADMIN_PORT: "${ADMIN_PORT:-9902}",
    PODS: "${PODS:-10}",
  });
  const dockerfile = text(dockerfileOf(controls));
  match(dockerfile, /^CMD \["node", "build\/ts\/cli\/start\.js"\]$/m);
  match(
    dockerfile,
    new RegExp(`^FROM envoyproxy/envoy:v${PINNED_ENVOY.replaceAll(".", "\\.")} AS envoy$`, "m"),
  );
});

test("without affinity one worker hands requests round", () => {
  const command = gateway.command!;
  equal(command[command.indexOf("--concurrency") + 1], "1");
});

test("AFFINITY_KEY comes from the environment, or is a demo key of 32 bytes that says it is public", () => {
  const value = /^\$\{AFFINITY_KEY:-(.*)\}$/.exec(gateway.environment!["AFFINITY_KEY"]!)?.[1];
  const key = Buffer.from(value!, "base64");
  equal(key.length, 32);
  match(key.toString(), /public/);
});

test("the images build without BuildKit, from public base images, and do not run as root", () => {
  for (const file of dockerfiles) {
    const lines = text(file);
    doesNotMatch(lines, /^# *syntax|--mount|--chmod|<</im, file);
    const stages = Array.from(lines.matchAll(/^FROM (\S+)(?: AS (\S+))?$/gm), ([, image, name]) => ({
      image,
      name,
    }));
    for (const { image } of stages) match(image!, /^(node:\d+-slim|envoyproxy\/envoy:v\d+\.\d+\.\d+)$/, file);
    const last = lines.slice(lines.lastIndexOf("\nFROM "));
    match(last, /^USER (node|[1-9]\d*:[1-9]\d*)$/m, file);
  }
});

test("the images that build the filter have all that its compiler is told to use", () => {
  const transforms = text("asconfig.json").match(/as-\w+\.mjs/g) ?? [];
  ok(transforms.length > 0);
  const building = [...dockerfiles, "envoy/wasm.Dockerfile"].filter((file) =>
    /npm run build(:wasm)?\b/.test(text(file).replaceAll("build:ts", "")),
  );
  deepEqual(building.length, 3);
  for (const file of building) for (const name of transforms) ok(text(file).includes(` ${name} `), file);
});

test("the application's image has the packages that it is tested with", () => {
  type Lock = { packages: Record<string, { version: string; integrity: string }> };
  const [tested, own] = ["package-lock.json", "demo/app/package-lock.json"].map(
    (file) => (JSON.parse(text(file)) as Lock).packages,
  );
  const { "": _, ...packages } = own!;
  ok("node_modules/express-session" in packages);
  for (const [path, { version, integrity }] of Object.entries(packages)) {
    const { version: testedVersion, integrity: testedIntegrity } = tested![path]!;
    deepEqual([version, integrity], [testedVersion, testedIntegrity], path);
  }
});

test("the gateway's image has the Envoy that npm start installs, and every file that it names", () => {
  const dockerfile = text(dockerfileOf(gateway));
  match(dockerfile, new RegExp(`^FROM envoyproxy/envoy:v${PINNED_ENVOY.replaceAll(".", "\\.")}$`, "m"));
  const wasm = /filename: (\S+)/.exec(text("envoy/gateway.yaml"))?.[1];
  for (const path of [wasm, "envoy/"]) ok(dockerfile.includes(`/gateway/${path}`), path);
});

test("the gateway's configuration finds the pods by the service's name and port", () => {
  ok("session-svc" in compose.services);
  const { static_resources } = parse(text("envoy/gateway.yaml"), { merge: true }) as Gateway;
  const addresses = static_resources.clusters.map(({ load_assignment }) => {
    const [{ lb_endpoints }] = load_assignment.endpoints;
    const { address, port_value } = lb_endpoints[0].endpoint.address.socket_address;
    return `${address}:${port_value}`;
  });
  deepEqual(addresses, ["session-svc:9080", "session-svc:9080", "session-svc:9081", "demo-page:8080"]);
  deepEqual(static_resources.listeners[0].address, socketAddress("0.0.0.0", 32209));
});

test("the gateway that the importer made of the tutorial's Ingress is in the image, and finds the pods, too", () => {
  ok(text(dockerfileOf(gateway)).includes("COPY envoy/envoy.yaml envoy/gateway.yaml "));
  const { static_resources } = parse(text("envoy/envoy.yaml")) as Gateway;
  deepEqual(
    static_resources.clusters.map(({ load_assignment }) => load_assignment.endpoints),
    [[{ lb_endpoints: [{ endpoint: { address: socketAddress("session-svc", 9080) } }] }]],
  );
  deepEqual(static_resources.listeners[0].address, socketAddress("0.0.0.0", 32209));
});

function socketAddress(address: string, port_value: number): object {
  return { socket_address: { address, port_value } };
}

interface Gateway {
  static_resources: {
    listeners: [{ address: object }];
    clusters: {
      load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: SocketAddress } }] }] };
    }[];
  };
}

interface SocketAddress {
  socket_address: { address: string; port_value: number };
}
