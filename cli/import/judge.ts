/** Which annotations of an Ingress have an effect, where it stands among the others. */
import { annotations, type Name } from "./annotations.ts";
import type { Affinities, Claims } from "./affinities.ts";
import { ofNoEffect, shareOf, type Canaries } from "./canaries.ts";
import type { Ingress } from "./ingress-object.ts";
import { backendName } from "./services.ts";
import type { Judge } from "./settings.ts";

/** Of an Ingress that is no canary. */
export function judgePrimary(
  ingress: Ingress,
  claims: ReadonlyMap<string, Claims>,
  affinities: Affinities,
): Judge {
  const backends = new Set(
    ingress.rules.flatMap(({ paths }) => paths.map(({ backend }) => backendName(backend))),
  );
  const pinned = [...backends].filter((name) => affinities.of.has(name));
  const own = ingress.given.settings.affinity !== undefined;
  return (name) => {
    switch (annotations[name].group) {
      case "affinity": {
        if (pinned.length === 0)
          return ofNoEffect(own ? "as no path of a rule leads from here to a Service" : WITHOUT_AFFINITY);
        if (name === "affinity" || pinned.some((each) => claims.get(each)?.mode === ingress))
          return undefined;
        return ofNoEffect(`as ${decider(claims.get(pinned[0] ?? "")?.mode)}, which is older, says the mode`);
      }
      case "cookie": {
        if (!own) return ofNoEffect(WITHOUT_AFFINITY);
        if (pinned.some((each) => claims.get(each)?.cookie === ingress))
          return affinities.changes.get(ingress)?.get(name);
        if (pinned.length === 0) return ofNoEffect("as no path of a rule leads from here to a Service");
        return ofNoEffect(
          `as ${decider(claims.get(pinned[0] ?? "")?.cookie)}, which is younger, says what the cookie is`,
        );
      }
      case "canary":
        return ofNoEffect('without canary: "true"');
      case "canary-affinity":
        return ofNoEffect("but on the Ingress of a canary");
      default:
        return undefined;
    }
  };
}

const WITHOUT_AFFINITY = "without affinity: cookie";

function decider(ingress: Ingress | undefined): string {
  return ingress?.source.object ?? "another Ingress";
}

/** Of a canary. */
export function judgeCanary(ingress: Ingress, canaries: Canaries): Judge {
  const merged = new Set([...canaries.of.values()].map((alternative) => alternative.ingress));
  const { changes } = shareOf(ingress);
  return (name: Name) => {
    const { group } = annotations[name];
    if (group === "affinity" || group === "cookie")
      return ofNoEffect("on the Ingress of a canary, which takes the cookie of its first version");
    if (group === "host" && name !== "canary") return ofNoEffect("on the Ingress of a canary");
    if (group === "canary-affinity" && !merged.has(ingress)) return ofNoEffect("without a first version");
    if (group === "canary" || name === "canary") {
      if (!canaries.effective.has(ingress)) return ofNoEffect("without a first version to be the second of");
      return changes.get(name);
    }
    return undefined;
  };
}
