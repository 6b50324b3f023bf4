// The package as it is built, imported by Node itself and not through the test runner: so that the program, its slots and
// the user's modules have the same one, as they have outside of tests.

import path from "node:path";
import { pathToFileURL } from "node:url";

/** The test runner rewrites every import that it sees, but for those of data URLs. */
const bridge = "data:text/javascript,export const load = (url) => import(url);";
const { load } = (await import(/* @vite-ignore */ bridge)) as { load(url: string): Promise<unknown> };

const index = pathToFileURL(path.resolve(import.meta.dirname, "../../dist/index.js")).href;

export const shoal = (await load(index)) as typeof import("../../src/index.ts");
