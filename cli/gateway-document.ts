import {
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  Scalar,
  type Alias,
  type Document,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { below, isBelow, type Match } from "./page-routes.ts";
import { explain, map, named, seq } from "./yaml-nodes.ts";

const FILTER_CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
// Requests that nginx sends again only when no pod can have seen them; see envoy/gateway.yaml.
const SENT_ONCE = "connect-failure,refused-stream,reset-before-request";

const HOST = "abc.sample.com";
// Where the page has this host.
const PAGE_PREFIX = "/abc/";

/** The clusters that the demo has beside the importer's, of the same pods. */
const POD_CLUSTERS = [
  { name: "session-svc-plain", lbPolicy: "ROUND_ROBIN" },
  {
    name: "session-svc-cache",
    lbPolicy: "RANDOM",
    port: 9081,
    why: "The same pods' other port, behind which sessions live in Redis: any pod will do, as behind a Kubernetes Service.",
  },
] as const;

const PAGE = "demo-page";

// No word that stands in names of phones too.
const BOTS = "(?i).*(googlebot|bingbot|applebot|duckduckbot|yandexbot|baiduspider).*";

/** envoy/gateway.yaml as a document whose comments stay where they are while the policies change it. */
export class GatewayDocument {
  readonly #document: Document;
  readonly #manager: YAMLMap;
  readonly #host: YAMLMap;

  /** @throws Error when the text is not such a gateway */
  constructor(text: string) {
    this.#document = parseDocument(text);
    const filters = map(
      this.#document.getIn(["static_resources", "listeners", 0, "filter_chains", 0, "filters", 0]),
    );
    this.#manager = map(filters.get("typed_config"));
    this.#host = named(this.#hosts, HOST);
  }

  toString(): string {
    return this.#document.toString({ lineWidth: 0 });
  }

  /** What stands at the top of the file. */
  setHeader(text: string): void {
    this.#document.commentBefore = text
      .split("\n")
      .map((line) => ` ${line}`)
      .join("\n");
    // Without an empty line below it the comment that was there is the first field's.
    const [first] = map(this.#document.contents).items;
    if (isScalar(first?.key)) first.key.commentBefore = null;
    map(this.#document.contents).commentBefore = null;
  }

  /** Adds what demo/gateway.yaml says, and the clusters that it names. */
  extend(additions: Document): void {
    const own = map(additions.contents);
    for (const domain of seq(own.get("domains")).items) seq(this.#host.get("domains")).add(domain);
    const lock = map(seq(this.#manager.get("early_header_mutation_extensions")).get(0));
    for (const mutation of seq(own.get("early_header_mutations")).items)
      seq(lock.getIn(["typed_config", "mutations"])).add(mutation);
    const retries = map(map(this.#routes.get(0)).getIn(["route", "retry_policy"]));
    for (const host of seq(own.get("virtual_hosts")).items.map(map)) {
      for (const { name } of POD_CLUSTERS) this.#retryPlainly(host, name, retries);
      this.#hosts.add(host);
    }
    this.#repeatOnPage();
    this.#addClusters();
  }

  /** Requests of no session are sent again as long as no pod can have seen them. */
  #retryPlainly(host: YAMLMap, cluster: string, retries: YAMLMap): void {
    for (const route of seq(host.get("routes")).items.map(map)) {
      const action = route.get("route", true);
      if (isMap(action) && action.get("cluster") === cluster)
        action.set("retry_policy", this.#alias(retries, "unseen"));
    }
  }

  #addClusters(): void {
    const clusters = seq(this.#document.getIn(["static_resources", "clusters"]));
    const first = this.#cluster("session-svc");
    const alias = (field: string, anchor: string): Alias => this.#alias(first.get(field, true), anchor);
    first.set("track_cluster_stats", this.#node({ per_endpoint_stats: true }));
    explain(first, "track_cluster_stats", "Each pod's share, in the statistics.");
    const discovery = (): Alias => alias("cluster_type", "discovery");
    for (const { name, lbPolicy, ...more } of POD_CLUSTERS) {
      const cluster = this.#node({ name });
      cluster.set("cluster_type", discovery());
      for (const [field, value] of Object.entries({
        connect_timeout: "2s",
        lb_policy: lbPolicy,
        common_lb_config: { healthy_panic_threshold: { value: 0 } },
      }))
        cluster.set(field, this.#document.createNode(value));
      cluster.set("track_cluster_stats", alias("track_cluster_stats", "shares"));
      cluster.set("circuit_breakers", alias("circuit_breakers", "breakers"));
      cluster.set("outlier_detection", alias("outlier_detection", "outliers"));
      const port = "port" in more ? more.port : undefined;
      cluster.set(
        "load_assignment",
        port === undefined
          ? alias("load_assignment", "pods")
          : this.#node(loadAssignment("session-svc", port)),
      );
      if ("why" in more) cluster.commentBefore = ` ${more.why}`;
      clusters.add(cluster);
    }
    const page = this.#node({ name: PAGE });
    page.set("cluster_type", discovery());
    page.set("connect_timeout", "2s");
    page.set("load_assignment", this.#node(loadAssignment(PAGE, 8080)));
    clusters.add(page);
  }

  /** Merges fields into the filter's JSON; those of objects into the object that is there. */
  configure(fields: Record<string, unknown>): void {
    const configuration = map(this.#filter("affinity").getIn(["typed_config", "config", "configuration"]));
    const current = JSON.parse(String(configuration.get("value"))) as Record<string, unknown>;
    const text = new Scalar(`${JSON.stringify({ ...current, ...fields }, null, 2)}\n`);
    text.type = Scalar.BLOCK_LITERAL;
    configuration.set("value", text);
  }

  /** Sets a field of a cluster, and says why. */
  setInCluster(name: string, field: string, value: object, why: string): void {
    this.#cluster(name).set(field, this.#node(value));
    explain(this.#cluster(name), field, why);
  }

  /** Only the pod of its token may serve a client, which is asked once: a retry would go to another. */
  beStrict(): void {
    map(this.#filter("stateful_session").get("typed_config")).set("strict", true);
    this.hideFromPods("x-affinity-cluster");
    const [once, again] = [map(this.#routes.get(0)), map(this.#routes.get(1))];
    const tries = map(once.get("route"));
    const retries = map(tries.get("retry_policy"));
    // The list's own comment is about what was its first route.
    this.#routes.commentBefore = null;
    once.set(
      "match",
      this.#node({ prefix: "/", headers: [{ name: "x-affinity-cluster", present_match: true }] }),
    );
    once.commentBefore =
      " Whose token opened is sent to its pod, once: Envoy is strict about the first try alone, a retry would go to another.\n" +
      " The filter sets this header for such a client, and has the route chosen again.";
    tries.delete("retry_policy");
    again.commentBefore = " A newcomer is sent again as long as no pod can have seen the request.";
    retries.set("retry_on", SENT_ONCE);
    map(again.get("route")).set("retry_policy", retries);
    this.#repeatOnPage();
  }

  withoutStatefulSession(): void {
    const filters = seq(this.#manager.get("http_filters"));
    filters.delete(filters.items.indexOf(this.#filter("stateful_session")));
    map(this.#host.get("typed_per_filter_config")).delete("stateful_session");
  }

  /** Has the routes hash this instead of the cookie, and says why. */
  hashBy(policy: object, why?: string): void {
    this.#routes.items.map(map).forEach((item, index) => {
      const route = map(item.get("route"));
      seq(route.get("hash_policy")).set(0, this.#node(policy));
      if (index === 0 && why !== undefined) explain(route, "hash_policy", why);
    });
  }

  /** Two versions by weight, and routes for those who belong to one. */
  withCanary(): void {
    const weighted = {
      // The admin's runtime_modify changes the weights while Envoy runs.
      runtime_key_prefix: "canary",
      clusters: [
        { name: "session-svc", weight: 90 },
        { name: "session-svc-canary", weight: 10 },
      ],
      // All parallel requests of a client whose version is gone go to one version. Without the cookie Envoy draws.
      use_hash_policy: true,
    };
    const sticky = this.#routes.items.map((route) => {
      const copy = map(route).toJS(this.#document) as { match: Match; route: Record<string, unknown> };
      copy.match.headers = [
        ...(copy.match.headers ?? []),
        { name: "x-affinity-cluster", present_match: true },
      ];
      delete copy.route["cluster"];
      copy.route["cluster_header"] = "x-affinity-cluster";
      return this.#node(copy);
    });
    for (const route of this.#routes.items) {
      const action = map(map(route).get("route"));
      action.delete("cluster");
      action.set("weighted_clusters", this.#node(weighted));
    }
    this.#prepend(
      sticky,
      " Who belongs to a version: the filter says which, and has the route chosen again. It alone can: a client's own\n" +
        " header of this name does not get past the first lock.",
    );
    const clusters = seq(this.#document.getIn(["static_resources", "clusters"]));
    const canary = this.#cluster("session-svc").toJS(this.#document) as { name: string };
    const text = JSON.stringify(canary).replaceAll('"session-svc"', '"session-svc-canary"');
    clusters.items.splice(1, 0, this.#node(JSON.parse(text)));
    this.hideFromPods("x-affinity-cluster");
    this.#repeatOnPage();
    this.#document.set("layered_runtime", this.#node({ layers: [{ name: "admin", admin_layer: {} }] }));
  }

  /** Routes on which neither filter acts. */
  withRoutesOff(): void {
    const off = { "@type": FILTER_CONFIG, disabled: true };
    const filters = { affinity: off, stateful_session: off };
    const matches = [
      { prefix: "/static/" },
      { path: "/healthz" },
      { prefix: "/", headers: [{ name: "user-agent", string_match: { safe_regex: { regex: BOTS } } }] },
    ];
    const { route } = map(this.#routes.get(0)).toJS(this.#document) as { route: Record<string, unknown> };
    delete route["hash_policy"];
    const routes = matches.map((match) => this.#node({ match, route, typed_per_filter_config: filters }));
    this.#prepend(routes, " Neither filter acts on these.");
    this.#repeatOnPage();
  }

  /** Keeps a header of the filter's from the pods, also where the filter is off. */
  hideFromPods(header: string): void {
    seq(this.#manager.getIn(["route_config", "request_headers_to_remove"])).add(header);
  }

  #cluster(name: string): YAMLMap {
    return named(this.#document.getIn(["static_resources", "clusters"]), name);
  }

  /** Puts routes in front of those that are there. */
  #prepend(routes: YAMLMap[], comment: string): void {
    const all = this.#routes;
    // The comment of the list is about its first item.
    map(all.get(0)).commentBefore = all.commentBefore ?? null;
    all.commentBefore = comment;
    all.items.unshift(...routes);
  }

  /** Has the page's paths below /abc/ follow the routes of abc, when those are other ones than they were. */
  #repeatOnPage(): void {
    const routes = seq(named(this.#hosts, "page").get("routes"));
    const former = routes.items.map(map).filter((route) => isBelow(route, PAGE_PREFIX));
    const place = routes.items.findIndex((route) => isBelow(map(route), PAGE_PREFIX));
    // Later routes name this node, which therefore stays where it was.
    const headers = map(former[0]).get("request_headers_to_add", true);
    const filters = this.#host.get("typed_per_filter_config", true);
    const repeated = this.#routes.items.map(map).map((route, index) => {
      const copy = this.#node({ match: below(route.toJS(this.#document) as { match: Match }, PAGE_PREFIX) });
      copy.set("route", this.#alias(route.get("route", true), "action"));
      copy.set(
        "typed_per_filter_config",
        this.#alias(route.get("typed_per_filter_config", true) ?? filters, "filters"),
      );
      copy.set("request_headers_to_add", index === 0 ? headers : this.#alias(headers, "prefix"));
      return copy;
    });
    const others = routes.items.filter((route) => !former.includes(map(route)));
    routes.items = [...others.slice(0, place), ...repeated, ...others.slice(place)];
  }

  #alias(node: unknown, name: string): Alias {
    if (!isMap(node) && !isSeq(node)) throw new Error(`envoy/gateway.yaml: no ${name} where one was`);
    return this.#document.createAlias(node, name);
  }

  get #hosts(): YAMLSeq {
    return seq(this.#manager.getIn(["route_config", "virtual_hosts"]));
  }

  get #routes(): YAMLSeq {
    return seq(this.#host.get("routes"));
  }

  #filter(name: string): YAMLMap {
    return named(this.#manager.get("http_filters"), name);
  }

  #node(value: unknown): YAMLMap {
    return map(this.#document.createNode(value, { aliasDuplicateObjects: false }));
  }
}

/** Of a Service by its DNS name. */
function loadAssignment(name: string, port: number): object {
  const address = { socket_address: { address: name, port_value: port } };
  return { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
}
