import { MAX_SCOPE, isVisible } from "./grammar";
import { JsonKind, itemsOf } from "./json";
import { words } from "./literals";
import { kept } from "./region";
import { Section } from "./section";
import { Text } from "./text";

// A token carries 32 bits of a name; more than a handful of versions of a service is no canary.
const MAX_CLUSTERS: i32 = 16;

/** Names of clusters, no two of them the same. */
@unmanaged
export class ClusterNames {
  count: i32;

  // The names stand behind the object itself.
  at(index: i32): Text {
    return changetype<Text>(load<usize>(changetype<usize>(this) + (index << 2), offsetof<ClusterNames>()));
  }

  add(name: Text): void {
    store<usize>(
      changetype<usize>(this) + (this.count++ << 2),
      changetype<usize>(name),
      offsetof<ClusterNames>(),
    );
  }

  has(at: usize, length: u32): bool {
    for (let i = 0; i < this.count; i++) {
      if (this.at(i).is(at, length)) return true;
    }
    return false;
  }
}

/** Reads an array of names of clusters; of what is refused, those that are in order. */
export function readClusterNames(section: Section, field: i32): ClusterNames {
  const names = newNames(MAX_CLUSTERS);
  const value = section.get(field);
  let item = itemsOf(value, MAX_CLUSTERS);
  let wrong = item == null;
  while (item != null) {
    const refused =
      item.kind != JsonKind.String || !isVisible(item, MAX_SCOPE) || names.has(item.text, item.length);
    if (refused) wrong = true;
    else names.add(kept.keep(item.text, item.length));
    item = item.next;
  }
  if (wrong) {
    section.require(
      field,
      words("not 1 to 16 different names of clusters"),
      words(
        'write ["session-svc", "session-svc-canary"]: Envoy\'s names, the one that was there first in front',
      ),
    );
  }
  return names;
}

/** Room for `most` names. */
export function newNames(most: i32): ClusterNames {
  return changetype<ClusterNames>(kept.take(offsetof<ClusterNames>() + <usize>most * sizeof<usize>()));
}
