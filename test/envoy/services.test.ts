import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { closeLater, test, until } from "../support/check.ts";
import { many, type Answer } from "../support/client.ts";
import type { Envoy } from "../support/envoy.ts";
import { startGateway, TRAP } from "../support/gateway.ts";
import { Pod } from "../support/pod.ts";
import { Service, startServices } from "../support/services.ts";

const HOST = "abc.sample.com";

/** Two services, on one host by path unless their options say otherwise. */
async function shopAndCart(
  shop: Partial<Service["options"]>,
  cart: Partial<Service["options"]>,
): Promise<[shop: Service, cart: Service]> {
  return [
    await Service.start({ name: "shop", host: HOST, prefix: "/shop", ...shop }),
    await Service.start({ name: "cart", host: HOST, prefix: "/cart", ...cart }),
  ];
}

/** A real curl with a cookie jar of its own. */
class Curl {
  #port: number;
  #folder = mkdtempSync(join(tmpdir(), "affinity-curl-"));
  #jar = join(this.#folder, "cookie.dat");

  constructor(port: number) {
    this.#port = port;
    closeLater({ close: () => rmSync(this.#folder, { recursive: true }) });
  }

  /** One request to the service; its jar is read before and written after. */
  async ask({ options: { host }, path }: Service): Promise<Answer> {
    const flags = ["--silent", "--show-error", "--include", "-b", this.#jar, "-c", this.#jar];
    const url = `http://${host}:${this.#port}${path}`;
    const to = ["--noproxy", "*", "--connect-to", `::127.0.0.1:${this.#port}`];
    const { stdout } = await promisify(execFile)("curl", [...flags, ...to, url]);
    const [head = "", body = ""] = stdout.split("\r\n\r\n");
    const setCookie = [...head.matchAll(/^set-cookie: (.*)$/gim)].map(([, line = ""]) => line.trim());
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), headers: {}, setCookie, body };
  }

  /** `PATH NAME` of the cookies in the jar, sorted. */
  cookies(): string[] {
    const lines = readFileSync(this.#jar, "utf8").split("\n");
    // Netscape's format; with #HttpOnly_ a line is a cookie, with another # a comment.
    const fields = lines.filter((line) => /^(#HttpOnly_|[^#])/.test(line)).map((line) => line.split("\t"));
    return fields.map(([, , path, , , name]) => `${path} ${name}`).sort();
  }
}

/** Asks one, the other, one, and so on, 50 requests in all after the first of each, and both pins hold. */
async function assertBothPinsHold(envoy: Envoy, services: [Service, Service]): Promise<Curl> {
  const curl = new Curl(envoy.port);
  const first: Answer[] = [];
  for (const service of services) {
    const answer = await curl.ask(service);
    service.newCookie(answer);
    first.push(answer);
  }
  for (let request = 0; request < 50; request++) {
    const service = services[request % 2] ?? assert.fail();
    const { status, body, setCookie } = await curl.ask(service);
    assert.deepEqual([status, body, setCookie], [200, first[request % 2]?.body, []]);
  }
  assertOwnRequestsOnly(services);
  await assertNoTrap(envoy);
  return curl;
}

/** No pod was ever asked for what another service answers. */
function assertOwnRequestsOnly(services: readonly Service[]): void {
  for (const { options, pods, path } of services) {
    for (const { url, headers } of pods.flatMap(({ received }) => received)) {
      assert.deepEqual([url, headers.host?.split(":", 1)[0]], [path, options.host]);
      assert.equal(headers["x-affinity-host"], undefined);
    }
  }
}

/** As gateway.ts has it for the shipped service, but for any. */
async function assertNoTrap(envoy: Envoy): Promise<void> {
  const reloads = Object.entries(await envoy.stats()).filter(
    ([name, value]) => /^wasm\..*vm_reload/.test(name) && value > 0,
  );
  assert.deepEqual(reloads, []);
  assert.doesNotMatch(envoy.log, TRAP);
}

async function count(envoy: Envoy, { options: { name } }: Service, event: string): Promise<number> {
  return envoy.stat(`wasmcustom.affinity.default_${name}_80.${event}`);
}

const keptApart = [
  {
    what: "one cookie name on two paths",
    shop: { cookie: { path: "/shop" } },
    cart: { cookie: { path: "/cart" } },
    jar: ["/cart affinity", "/shop affinity"],
  },
  {
    what: "one cookie name on two paths of which one is in the other",
    shop: { prefix: "/" },
    cart: { cookie: { path: "/cart" } },
    jar: ["/ affinity", "/cart affinity"],
  },
  {
    what: "two cookie names on one path",
    shop: { sessionName: "affinity-shop" },
    cart: { sessionName: "affinity-cart" },
    jar: ["/ affinity-cart", "/ affinity-shop"],
  },
  {
    what: "one cookie name on two hosts",
    shop: { host: "shop.sample.com", prefix: "/" },
    cart: { host: "cart.sample.com", prefix: "/" },
    jar: ["/ affinity", "/ affinity"],
  },
];

for (const { what, shop, cart, jar } of keptApart) {
  test(`${what}: a client with a cookie jar keeps both pins through 50 requests by turns`, async () => {
    const services = await shopAndCart(shop, cart);
    // The longest path first, as a gateway's routes have to be.
    const envoy = await startServices([services[1], services[0]]);
    const curl = await assertBothPinsHold(envoy, services);
    assert.deepEqual(curl.cookies(), jar);
  });
}

const colliding = [
  { what: "on one path of a host", shop: {}, cart: {} },
  {
    what: "on one domain of two hosts",
    shop: { host: "shop.sample.com", prefix: "/", cookie: { domain: "sample.com" } },
    cart: { host: "cart.sample.com", prefix: "/", cookie: { domain: "sample.com" } },
  },
];

for (const { what, shop, cart } of colliding) {
  test(`one cookie name ${what}: each visit to the other service costs the pin, and no more`, async () => {
    const services = await shopAndCart(shop, cart);
    const envoy = await startServices(services);
    const curl = new Curl(envoy.port);
    for (let visit = 0; visit < 12; visit++) {
      const service = services[visit % 2] ?? assert.fail();
      const first = await curl.ask(service);
      // Its cookie takes the place of the other's, which was worth nothing here.
      assert.ok(service.has(first), `${service.options.name}: ${first.status} ${first.body}`);
      service.newCookie(first);
      for (let request = 0; request < 2; request++) {
        const { status, body, setCookie } = await curl.ask(service);
        assert.deepEqual([status, body, setCookie], [200, first.body, []]);
      }
      assert.deepEqual(curl.cookies(), ["/ affinity"]);
    }
    for (const [index, service] of services.entries()) {
      await until(`all of ${service.options.name} is counted`, async () => {
        return (await count(envoy, service, "resumed")) >= 12;
      });
      assert.equal(await count(envoy, service, "resumed"), 12);
      // Only the very first request of all had no cookie.
      assert.equal(await count(envoy, service, "rejected"), index === 0 ? 5 : 6);
      assert.equal(await count(envoy, service, "created"), 6);
      assert.equal(await count(envoy, service, "repinned"), 0);
    }
    assertOwnRequestsOnly(services);
    await assertNoTrap(envoy);
  });
}

test("both cookies of one name, in either order, pin each service to its own pod", async () => {
  const services = await shopAndCart({}, {});
  const [shop, cart] = services;
  const envoy = await startServices(services, { concurrency: 2 });
  await many(90, 10, async (index) => {
    const [atShop, atCart] = [shop.pods[index % 3], cart.pods[Math.floor(index / 3) % 3]] as [Pod, Pod];
    const pair = [shop.cookieFor(atShop), cart.cookieFor(atCart)];
    const cookie = (index % 2 === 0 ? pair : pair.reverse()).join("; ");
    const answers = [await shop.ask(envoy.port, cookie), await cart.ask(envoy.port, cookie)];
    assert.deepEqual(
      answers.map(({ status, body, setCookie }) => [status, body, setCookie]),
      [atShop, atCart].map(({ name }) => [200, name, []]),
    );
  });
  assertOwnRequestsOnly(services);
  await assertNoTrap(envoy);
});

test("a cookie of one service is worth nothing at the other, whose new client then has a pod of its own", async () => {
  const services = await shopAndCart({}, {});
  const envoy = await startServices(services);
  for (const [own, other] of [services, services.toReversed()] as [Service, Service][]) {
    await many(30, 10, async (index) => {
      const cookie = other.cookieFor(other.pods[index % 3] ?? assert.fail());
      const answer = await own.ask(envoy.port, cookie);
      assert.ok(own.has(answer), `${own.options.name}: ${answer.status} ${answer.body}`);
      const again = await own.ask(envoy.port, `${cookie}; ${own.newCookie(answer)}`);
      assert.deepEqual([again.status, again.body, again.setCookie], [200, answer.body, []]);
    });
  }
  assertOwnRequestsOnly(services);
});

test("a service whose pods are all gone is a 503 that costs the client neither pin", async () => {
  const services = await shopAndCart({}, {});
  const [shop, cart] = services;
  const envoy = await startServices(services);
  const cookie = `${shop.cookieFor(shop.pods[0] as Pod)}; ${cart.cookieFor(cart.pods[1] as Pod)}`;
  await Promise.all(cart.pods.map((pod) => pod.stop()));
  const failed = await cart.ask(envoy.port, cookie);
  assert.deepEqual([failed.status, failed.setCookie], [503, []]);
  const pinned = await shop.ask(envoy.port, cookie);
  assert.deepEqual([pinned.status, pinned.body, pinned.setCookie], [200, shop.pods[0]?.name, []]);
  await Promise.all(cart.pods.map((pod) => pod.start()));
  const back = await until("the cart answers again", async () => {
    const answer = await cart.ask(envoy.port, cookie);
    return answer.status === 200 && answer;
  });
  assert.deepEqual([back.body, back.setCookie], [cart.pods[1]?.name, []]);
  assertOwnRequestsOnly(services);
});

test("the services share one VM, and Prometheus tells their counters apart by the label affinity_scope", async () => {
  const services = await shopAndCart({}, {});
  const [shop, cart] = services;
  const envoy = await startServices(services);
  const alone = await startGateway(await Pod.startMany(1));
  const vms = "wasm.envoy.wasm.runtime.v8.active";
  assert.ok((await alone.stat(vms)) > 0);
  assert.equal(await envoy.stat(vms), await alone.stat(vms));

  for (let visit = 0; visit < 3; visit++) shop.newCookie(await shop.ask(envoy.port));
  const cookie = cart.newCookie(await cart.ask(envoy.port));
  for (let visit = 0; visit < 2; visit++) await cart.ask(envoy.port, cookie);
  await until("the counters are handed over", async () => (await count(envoy, cart, "resumed")) > 0);
  const samples = (await envoy.admin("/stats/prometheus"))
    .split("\n")
    .filter((line) => /affinity_(created|resumed|rejected)\{/.test(line));
  const wanted = [
    'affinity_created{affinity_scope="default_shop_80"} 3',
    'affinity_created{affinity_scope="default_cart_80"} 1',
    'affinity_resumed{affinity_scope="default_cart_80"} 2',
  ];
  assert.deepEqual(samples.filter((line) => !line.endsWith(" 0")).sort(), wanted.sort());
});
