// `import … from "shoal"` inside a program: not bundled, but bound to the shoal that runs the program.
//
// The bundle gets a small module that re-exports globalThis[Symbol.for("shoal.runtime")]. Its text depends
// only on the names of the exports, so a new version of shoal with the same names leaves bundles, and their
// hashes, as they are.

import type { Plugin } from "esbuild";
import { invariant } from "../base/assert.ts";

const namespace = "shoal-runtime";

/** How this module is called in the bundle, its source map and esbuild's messages. */
export const runtimeModule = `${namespace}:shoal`;

function moduleText(names: readonly string[]): string {
  const named = names.filter((name) => name !== "default");
  for (const name of named) {
    invariant(/^[A-Za-z_$][\w$]*$/.test(name), "B4", () => `"${name}" cannot be exported by shoal`);
  }
  return [
    `const runtime = globalThis[Symbol.for("shoal.runtime")];`,
    `if (runtime === undefined) {`,
    `  throw new Error("this program imports shoal, but was not started by it: use \`shoal run\`");`,
    `}`,
    ...named.map((name, i) => `const export${i} = runtime.${name};`),
    `export { ${named.map((name, i) => `export${i} as ${name}`).join(", ")} };`,
    `export default runtime${names.includes("default") ? ".default" : ""};`,
  ].join("\n");
}

export function runtimePlugin(names: readonly string[]): Plugin {
  return {
    name: namespace,
    setup(build) {
      build.onResolve({ filter: /^shoal(\/.*)?$/ }, () => ({ path: "shoal", namespace }));
      build.onLoad({ filter: /.*/, namespace }, () => ({ contents: moduleText(names), loader: "js" }));
    },
  };
}
