import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { ownFiles } from "../../cli/files.ts";
import { root } from "../../cli/root.ts";
import { createApp } from "../../demo/app/app.ts";
import { MemoryStore } from "../../demo/app/memory-store.ts";
import { podName, REPLICA_SET } from "../../demo/app/pod-name.ts";
import { podSettings } from "../../demo/app/settings.ts";
import { closeLater, test } from "../support/check.ts";

interface Probe {
  httpGet: { path: string; port: string };
}

interface Deployment {
  metadata: { name: string };
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        containers: {
          image: string;
          ports: { name: string; containerPort: number }[];
          env: { name: string; valueFrom: { fieldRef: { fieldPath: string } } }[];
          readinessProbe: Probe;
          livenessProbe: Probe;
        }[];
      };
    };
  };
}

interface Service {
  metadata: { name: string };
  spec: {
    type: string;
    selector: Record<string, string>;
    ports: { name: string; port: number; targetPort: string; nodePort: number }[];
  };
}

interface Ingress<Backend> {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations: Record<string, string> };
  spec: {
    ingressClassName?: string;
    rules: { host: string; http: { paths: { path: string; pathType?: string; backend: Backend }[] } }[];
  };
}

const FOLDER = "demo/kubernetes";

function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** The only document of a manifest, read as strictly as the parser can: a key given twice is an error. */
function manifest(name: string): unknown {
  const documents = parseAllDocuments(text(join(FOLDER, name)));
  if (!Array.isArray(documents) || documents.length !== 1) throw new Error(`${name}: not one document`);
  const [document] = documents;
  deepEqual([...document!.errors, ...document!.warnings], [], name);
  return document!.toJS();
}

const deployment = manifest("deployment.yaml") as Deployment;
const service = manifest("service.yaml") as Service;
const ingress = manifest("ingress.yaml") as Ingress<{ service: { name: string; port: { number: number } } }>;
const oldIngress = manifest("../ingress.yaml") as Ingress<{ serviceName: string; servicePort: number }>;
const compose = parse(text("docker-compose.yml")) as {
  services: Record<
    string,
    { ports?: string[]; deploy?: { replicas: number }; build?: { dockerfile: string } }
  >;
};

const [container] = deployment.spec.template.spec.containers;
const [port] = service.spec.ports;

test("the folder has the tutorial's manifests in today's API, and each begins with what it is", () => {
  deepEqual(ownFiles(/\.yaml$/, FOLDER), [
    `${FOLDER}/deployment.yaml`,
    `${FOLDER}/ingress.yaml`,
    `${FOLDER}/service.yaml`,
  ]);
  for (const file of ownFiles(/\.yaml$/, FOLDER)) match(text(file), /^# The tutorial's /, file);
});

test("names and numbers are the tutorial's", () => {
  equal(deployment.metadata.name, "session-deployment");
  equal(deployment.spec.replicas, 10);
  equal(service.metadata.name, "session-svc");
  equal(service.spec.type, "NodePort");
  deepEqual([port?.port, port?.nodePort], [9080, 32209]);
  equal(service.spec.ports.length, 1);
  for (const each of [ingress, oldIngress]) {
    equal(each.metadata.name, "hello-ingress");
    equal(each.spec.rules.length, 1);
    equal(each.spec.rules[0]!.host, "abc.sample.com");
    equal(each.spec.rules[0]!.http.paths.length, 1);
    equal(each.spec.rules[0]!.http.paths[0]!.path, "/");
    equal(each.metadata.annotations["nginx.ingress.kubernetes.io/affinity"], "cookie");
  }
});

// What the tutorial prints.
const TUTORIAL = `apiVersion: networking.k8s.io/v1beta1
kind: Ingress
metadata:
  name: hello-ingress
  annotations:
    kubernetes.io/ingress.class: 'nginx'
    nginx.ingress.kubernetes.io/affinity: 'cookie'
spec:
  rules:
  - host: abc.sample.com
    http:
      paths:
      - path: /
        backend:
          serviceName: session-svc
          servicePort: 9080
`;

test("the old Ingress is the tutorial's to the letter, below a comment", () => {
  equal(text("demo/ingress.yaml").replace(/^(#.*\n)+/, ""), TUTORIAL);
});

test("the Ingress of today says what the old one says", () => {
  equal(ingress.apiVersion, "networking.k8s.io/v1");
  equal(ingress.kind, oldIngress.kind);
  const { "kubernetes.io/ingress.class": oldClass, ...annotations } = oldIngress.metadata.annotations;
  equal(ingress.spec.ingressClassName, oldClass);
  deepEqual(ingress.metadata.annotations, annotations);
  const [path] = ingress.spec.rules[0]!.http.paths;
  const [oldPath] = oldIngress.spec.rules[0]!.http.paths;
  equal(path!.pathType, "Prefix");
  equal(path!.backend.service.name, oldPath!.backend.serviceName);
  equal(path!.backend.service.port.number, oldPath!.backend.servicePort);
});

test("the Ingress finds the Service, the Service the pods, and the probes the application", () => {
  const { service: backend } = ingress.spec.rules[0]!.http.paths[0]!.backend;
  equal(backend.name, service.metadata.name);
  equal(backend.port.number, port!.port);
  const { labels } = deployment.spec.template.metadata;
  for (const selector of [deployment.spec.selector.matchLabels, service.spec.selector]) {
    ok(Object.keys(selector).length > 0);
    for (const [label, value] of Object.entries(selector)) equal(labels[label], value, label);
  }
  equal(deployment.spec.template.spec.containers.length, 1);
  deepEqual(
    [port!.targetPort, container!.readinessProbe.httpGet.port, container!.livenessProbe.httpGet.port],
    Array(3).fill(container!.ports[0]!.name),
  );
});

test("the manifests agree with the application", async () => {
  equal(container!.ports[0]!.containerPort, podSettings({}).port);
  deepEqual(container!.env, [{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }]);
  // The names of docker-compose's and npm start's pods begin like this Deployment's.
  ok(REPLICA_SET.startsWith(`${deployment.metadata.name}-`));
  const name = podName(`${REPLICA_SET}-4gfq2`, "");
  const store = new MemoryStore({ capacity: 1, idleTimeout: 60_000 });
  const server = createServer(createApp({ podName: name, store, secret: "secret" }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeLater({ close: () => void server.close() });
  for (const { httpGet } of [container!.readinessProbe, container!.livenessProbe]) {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${httpGet.path}`);
    deepEqual([answer.status, await answer.text()], [200, `${name}\n`]);
    equal(answer.headers.get("set-cookie"), null, "a probe is nobody's visit");
  }
});

test("the manifests agree with docker-compose.yml and with the gateway", () => {
  const pods = compose.services[service.metadata.name];
  equal(pods?.deploy?.replicas, deployment.spec.replicas);
  deepEqual(compose.services["gateway"]?.ports, [`${port!.nodePort}:${port!.nodePort}`]);
  const gateway = text("envoy/gateway.yaml");
  match(gateway, new RegExp(`address: ${service.metadata.name}\\n +port_value: ${port!.port}\\n`));
  match(gateway, new RegExp(`domains:\\n +- ${ingress.spec.rules[0]!.host}\\n`));
  // The image is built as the comment of the Deployment says, from the file of docker-compose.
  const build = `docker build -t ${container!.image} -f ${pods!.build!.dockerfile} .`;
  ok(text(`${FOLDER}/deployment.yaml`).includes(build), build);
});
