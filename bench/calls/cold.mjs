// In a new process with an empty state directory: connect() and the first result; then a second module's. Both modules
// are bundled.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const stateDir = mkdtempSync(path.join(tmpdir(), "shoal-cold-"));
const { connect } = await import("shoal");
const began = performance.now();
const shoal = await connect({ slots: 2, stateDir });
await shoal.use(new URL("functions.ts", import.meta.url)).inc(1);
const firstMs = performance.now() - began;
const second = performance.now();
await shoal.use(new URL("second.ts", import.meta.url)).twice(1);
const secondMs = performance.now() - second;
await shoal.close();
rmSync(stateDir, { recursive: true, force: true });
console.log(JSON.stringify({ firstMs, secondMs }));
