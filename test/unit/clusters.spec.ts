import { newNames } from "../../assembly/clusternames";
import { Clusters, newClusters } from "../../assembly/clusters";
import { kept } from "../../assembly/region";
import { Text } from "../../assembly/text";
import { bytesOfText } from "./bytes";

// All sums are zlib's.
const SESSION_SVC: u32 = 0xb8c711a4;
const CANARY: u32 = 0x4795231d;
const VERSIONS: u32[] = [
  0x1e65fc23, 0x6962ccb5, 0xf06b9d0f, 0x876cad99, 0x1908383a, 0x6e0f08ac, 0xf7065916, 0x80016980, 0x10be7411,
  0x67b94487, 0x4fb9faee, 0x38beca78, 0xa1b79bc2, 0xd6b0ab54, 0x48d43ef7, 0x3fd30e61,
];

function textOf(text: string): Text {
  const bytes = bytesOfText(text);
  return kept.keep(bytes.dataStart, bytes.length);
}

function clustersOf(header: string, names: string[]): Clusters {
  const list = newNames(names.length);
  for (let i = 0; i < names.length; i++) list.add(textOf(names[i]));
  return newClusters(textOf(header), list);
}

function nameOf(name: Text | null): string {
  return name == null ? "(none)" : String.UTF8.decodeUnsafe(name.start, name.length);
}

describe("Clusters", () => {
  it("finds a name by its CRC-32", () => {
    const clusters = clustersOf("x-affinity-cluster", ["session-svc", "session-svc-canary", "123456789"]);
    expect(nameOf(clusters.header)).toBe("x-affinity-cluster");
    expect(nameOf(clusters.find(0xcbf43926))).toBe("123456789");
    expect(nameOf(clusters.find(SESSION_SVC))).toBe("session-svc");
    expect(nameOf(clusters.find(CANARY))).toBe("session-svc-canary");
    expect(nameOf(clusters.first)).toBe("session-svc");
  });

  it("knows no other sum", () => {
    const clusters = clustersOf("x-affinity-cluster", ["session-svc", "session-svc-canary"]);
    expect(nameOf(clusters.find(0))).toBe("(none)");
    expect(nameOf(clusters.find(0xcbf43926))).toBe("(none)");
    for (let bit = 0; bit < 32; bit++) {
      expect(nameOf(clusters.find(SESSION_SVC ^ (1 << bit)))).toBe("(none)", bit.toString());
    }
  });

  it("finds each of sixteen", () => {
    const names: string[] = [];
    for (let i = 0; i < 16; i++) names.push("v" + i.toString());
    const clusters = clustersOf("x-affinity-cluster", names);
    for (let i = 0; i < 16; i++) expect(nameOf(clusters.find(VERSIONS[i]))).toBe(names[i]);
    expect(nameOf(clusters.first)).toBe("v0");
  });
});
