// Rooms of the engine as one module, for benchmarks and fault runs that use them without going through dist/.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Writes the exports of the TypeScript modules `files`, named relative to the repository, to `outfile`. */
export const bundleEngine = (outfile, ...files) =>
  build({
    stdin: {
      contents: files.map((file) => `export * from "./${file}";`).join("\n"),
      resolveDir: root,
      loader: "ts",
    },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "error",
  });

/** The exports of all of them together. */
export async function importEngine(...files) {
  // Inside the project, so that what it imports from packages is found; ignored by git.
  mkdirSync(path.join(root, "tmp"), { recursive: true });
  const lab = mkdtempSync(path.join(root, "tmp", "engine-"));
  try {
    const outfile = path.join(lab, "engine.mjs");
    await bundleEngine(outfile, ...files);
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(lab, { recursive: true, force: true });
  }
}
