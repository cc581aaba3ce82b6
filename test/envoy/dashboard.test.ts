import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { root } from "../../cli/root.ts";
import { test, until } from "../support/check.ts";
import { http1, many } from "../support/client.ts";
import { cookieFor, key, keyOf, startGateway } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { filterWith, nowSeconds, sealed } from "../support/tokens.ts";

const FOLDER = "demo/observability";
const EVENTS = ["created", "resumed", "repinned", "renewed", "expired", "rejected"];

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: { severity: string };
  annotations?: { summary: string; description: string };
}

interface Target {
  datasource: { uid: string };
  expr: string;
  legendFormat: string;
}

interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  datasource: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets: Target[];
}

interface Dashboard {
  __inputs: { name: string; type: string; pluginId: string }[];
  templating: {
    list: { name: string; datasource: { uid: string }; definition: string; query: { query: string } }[];
  };
  panels: Panel[];
}

function text(file: string): string {
  return readFileSync(join(root, FOLDER, file), "utf8");
}

const rules = (parse(text("rules.yaml")) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const dashboard = JSON.parse(text("grafana-dashboard.json")) as Dashboard;
const targets = dashboard.panels.flatMap((panel) => panel.targets);

/** The names of labels that each metric has. */
type Metrics = Map<string, Set<string>>;

interface Expression {
  /** The metrics that it reads, each with the labels that it matches them by. */
  reads: { metric: string; labels: string[] }[];
  /** The labels that it groups or matches by. */
  groups: string[];
}

/** What a PromQL expression names; throws when it is not PromQL. */
function expression(promql: string): Expression {
  const found: Expression = { reads: [], groups: [] };
  let inMatchers = false;
  parser.parse(promql).iterate({
    enter: ({ type, from, to }) => {
      const here = promql.slice(from, to);
      if (type.isError) assert.fail(`${promql}: no PromQL from character ${from} on: ${promql.slice(from)}`);
      if (type.name === "Identifier") found.reads.push({ metric: here, labels: [] });
      else if (type.name === "LabelMatchers") inMatchers = true;
      else if (type.name === "LabelName") (inMatchers ? found.reads.at(-1)!.labels : found.groups).push(here);
    },
    leave: ({ type }) => {
      if (type.name === "LabelMatchers") inMatchers = false;
    },
  });
  return found;
}

/** Fails unless all that an expression names is there, and returns the labels that it can have. */
function check(promql: string, metrics: Metrics): Set<string> {
  const { reads, groups } = expression(promql);
  assert.ok(reads.length > 0, `${promql}: reads no metric`);
  const there = new Set<string>();
  for (const { metric, labels } of reads) {
    const has = metrics.get(metric) ?? assert.fail(`${promql}: nothing gives the metric ${metric}`);
    for (const label of labels) assert.ok(has.has(label), `${promql}: ${metric} has no label ${label}`);
    for (const label of has) there.add(label);
  }
  for (const label of groups) assert.ok(there.has(label), `${promql}: no metric of it has a label ${label}`);
  return there;
}

/** Dashboards have variables of Grafana in them, of which one stands in for a time. */
function promqlOf({ expr }: Target): string {
  return expr.replaceAll("$__rate_interval", "5m");
}

/** The labels of each metric in Prometheus' text format. */
function exposed(lines: string): Metrics {
  const metrics: Metrics = new Map();
  for (const line of lines.split("\n")) {
    const [, metric, labels = ""] = /^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (metric === undefined) continue;
    const names = metrics.get(metric) ?? new Set();
    for (const [, label] of labels.matchAll(/([A-Za-z_][A-Za-z0-9_]*)="(?:[^"\\]|\\.)*"/g)) names.add(label!);
    metrics.set(metric, names);
  }
  return metrics;
}

let scraped: Promise<Metrics> | undefined;

/** What a real Envoy with the shipped gateway exposes once clients of every kind have been there, and the rules on it. */
function metricsOfTraffic(): Promise<Metrics> {
  return (scraped ??= scrape());
}

async function scrape(): Promise<Metrics> {
  const pods = await Pod.startMany(3);
  const [pod = assert.fail()] = pods;
  const oldSecret = randomBytes(32).toString("base64");
  const old = keyOf(9, oldSecret);
  const keys = [
    { id: key.id, env: "AFFINITY_KEY" },
    { id: old.id, secret: oldSecret },
  ];
  const envoy = await startGateway(pods, { filter: filterWith({ keys, idleTimeout: "10m" }) });
  const now = nowSeconds();
  const cookieOf = (unseen: number, under = key): string =>
    `affinity=${sealed({ issued: now - unseen, seen: now - unseen, endpoint: pod.endpoint }, under)}`;
  const visit = (cookie?: string): Promise<unknown> =>
    many(4, 2, () => http1(envoy.port, cookie === undefined ? {} : { cookie }));
  await visit();
  await visit(cookieFor(pod));
  await visit(cookieOf(120));
  await visit(cookieOf(0, old));
  await visit(cookieOf(3600));
  await visit("affinity=forged");
  await pod.stop();
  await visit(cookieFor(pod));
  const moved = (event: string): RegExp => new RegExp(`^affinity_${event}\\{[^}]*\\} [1-9]`, "m");
  const lines = await until("every event is counted", async () => {
    const page = await envoy.admin("/stats/prometheus");
    return EVENTS.every((event) => moved(event).test(page)) && page;
  });
  assert.match(lines, /^envoy_cluster_endpoint_rq_total\{[^}]*\} [1-9]/m);
  const metrics = exposed(lines);
  for (const { record, expr } of rules) {
    if (record === undefined) continue;
    const labels = check(expr, metrics);
    // By the custom for names of recording rules, level:metric:operations, these are the labels that are left.
    const [level = ""] = record.split(":");
    const left = [...labels].filter((label) => level.includes(label));
    assert.equal([...left].sort().join("_"), level, `${record}: its labels are ${[...labels].join(", ")}`);
    metrics.set(record, new Set(left));
  }
  return metrics;
}

test("every rule reads metrics and labels that a real Envoy exposes, or that a rule before it records", async () => {
  const metrics = await metricsOfTraffic();
  for (const { expr } of rules) check(expr, metrics);
});

test("every panel of the dashboard reads metrics and labels that a real Envoy exposes", async () => {
  const metrics = await metricsOfTraffic();
  for (const target of targets) {
    const labels = check(promqlOf(target), metrics);
    for (const [, label] of target.legendFormat.matchAll(/\{\{\s*(.*?)\s*\}\}/g))
      assert.ok(labels.has(label!), `${target.legendFormat}: ${target.expr} has no label ${label}`);
  }
});

test("every event of the filter has its recorded rate, and its panel", () => {
  for (const event of EVENTS) {
    const rate = rules.find(({ record }) => record === `affinity_scope:affinity_${event}:rate5m`);
    assert.equal(rate?.expr, `sum by (affinity_scope) (rate(affinity_${event}[5m]))`);
    const panels = dashboard.panels.filter((panel) =>
      panel.targets.some(
        ({ expr }) => expression(promqlOf({ expr } as Target)).reads[0]?.metric === `affinity_${event}`,
      ),
    );
    assert.ok(panels.length > 0, event);
  }
});

test("every alert says how bad it is, what is so, why, and what to do, by labels that it has", async () => {
  const metrics = await metricsOfTraffic();
  const alerts = rules.filter(({ alert }) => alert !== undefined);
  assert.equal(alerts.length + rules.filter(({ record }) => record !== undefined).length, rules.length);
  for (const { alert, expr, labels, annotations } of alerts) {
    assert.match(labels?.severity ?? "", /^(info|warning|critical)$/, alert);
    assert.ok((annotations?.description.length ?? 0) > 60, alert);
    const has = check(expr, metrics);
    for (const [, label] of annotations!.summary.matchAll(/\$labels\.(\w+)/g))
      assert.ok(has.has(label!), `${alert}: ${label}`);
  }
});

test("Grafana asks for the data source when it imports the dashboard, and everything uses it", async () => {
  assert.deepEqual(
    dashboard.__inputs.map(({ name, type, pluginId }) => [name, type, pluginId]),
    [["DS_PROMETHEUS", "datasource", "prometheus"]],
  );
  const { list } = dashboard.templating;
  for (const { datasource } of [...dashboard.panels, ...targets, ...list])
    assert.equal(datasource.uid, "${DS_PROMETHEUS}");
  const metrics = await metricsOfTraffic();
  for (const { name, definition, query } of list) {
    assert.equal(query.query, definition);
    const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
    assert.ok(metrics.get(metric)?.has(label), definition);
    assert.ok(
      targets.some(({ expr }) => expr.includes(`${label}=~"$${name}"`)),
      name,
    );
  }
  const known = ["__rate_interval", ...list.map(({ name }) => name)];
  for (const { expr } of targets)
    for (const [, name] of expr.matchAll(/\$(\w+)/g)) assert.ok(known.includes(name!), `${expr}: $${name}`);
});

test("panels have ids and places of their own, and say what a change of them means", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, description, gridPos, targets: shown } of panels) {
    assert.ok(description.length > 60 && shown.length > 0, title);
    assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, title);
    const over = panels.filter(({ gridPos: other }) => overlap(gridPos, other)).map((panel) => panel.title);
    assert.deepEqual(over, [title]);
  }
});

function overlap(one: Panel["gridPos"], other: Panel["gridPos"]): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  );
}

test("Prometheus reads the rules beside its configuration, and scrapes the gateway's admin page", () => {
  const config = parse(text("prometheus.yml")) as {
    rule_files: string[];
    scrape_configs: { metrics_path: string; static_configs: { targets: string[] }[] }[];
  };
  assert.deepEqual(config.rule_files, ["rules.yaml"]);
  const [job, ...more] = config.scrape_configs;
  assert.deepEqual(more, []);
  assert.equal(job?.metrics_path, "/stats/prometheus");
  const gateway = parse(readFileSync(join(root, "envoy/gateway.yaml"), "utf8"), { merge: true }) as {
    admin: { address: { socket_address: { address: string; port_value: number } } };
  };
  const { address, port_value } = gateway.admin.address.socket_address;
  assert.deepEqual(job?.static_configs, [{ targets: [`${address}:${port_value}`] }]);
});

test("an expression that is no PromQL, or names what is not there, is noticed", () => {
  const metrics: Metrics = new Map([["there", new Set(["place"])]]);
  check('sum by (place) (rate(there{place="x"}[5m]))', metrics);
  assert.throws(() => check("sum(there", metrics), /no PromQL from character/);
  assert.throws(() => check("rate(elsewhere[5m])", metrics), /nothing gives the metric elsewhere/);
  assert.throws(() => check('there{time="x"}', metrics), /there has no label time/);
  assert.throws(() => check("sum by (time) (there)", metrics), /no metric of it has a label time/);
  assert.throws(() => check("1 > 0", metrics), /reads no metric/);
});
