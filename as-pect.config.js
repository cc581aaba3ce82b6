// `npx asp` runs every spec; `npx asp test/unit/base64.spec.ts` only that one.
const named = process.argv.slice(2).some((argument) => argument.endsWith(".spec.ts"));

export default {
  entries: named ? [] : ["test/unit/**/*.spec.ts"],
  include: ["node_modules/@as-pect/assembly/assembly/index.ts"],
  reporter: "build/ts/test/reporters/aspect.js",
  async instantiate(memory, createImports, instantiate, binary) {
    return instantiate(binary, createImports({ env: { memory } }));
  },
};
