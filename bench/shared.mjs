// What shared() costs on a cluster: 64 MB given to calls on two workers of two slots each; bytes through the NATS server, and
// seconds until all four slots have used them.
//
//   node bench/shared.mjs [--megabytes 64]
import { fork, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { connect, shared, startWorker } from "shoal";
import { freePort, listens } from "./net.mjs";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "64" },
    worker: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log("usage: node bench/shared.mjs [--megabytes N]\nWhat shared() moves on a cluster.");
  process.exit(0);
}
if (values.worker !== undefined) {
  const [url, directory] = values.worker.split(" ");
  await startWorker(url, { slots: 2, directory });
  process.send("ready");
  process.on("disconnect", () => process.exit(0));
} else {
  const lab = mkdtempSync(path.join(tmpdir(), "shoal-bench-shared-"));
  const children = [];
  process.on("exit", () => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(lab, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  const [port, monitor] = [await freePort(), await freePort()];
  const url = `nats://127.0.0.1:${port}`;
  const server = ["-a", "127.0.0.1", "-p", port, "-m", monitor, "-js", "-sd", path.join(lab, "nats")];
  children.push(spawn("nats-server", server.map(String), { stdio: "ignore" }));
  while (!(await listens(port)) || !(await listens(monitor)))
    await new Promise((resolve) => setTimeout(resolve, 20));
  for (const name of ["w1", "w2"]) {
    const child = fork(new URL(import.meta.url), ["--worker", `${url} ${path.join(lab, name)}`]);
    children.push(child);
    await new Promise((resolve) => child.once("message", resolve));
  }
  const shoal = await connect(url, { stateDir: path.join(lab, "state") });
  const { at, inc } = shoal.use(new URL("calls/functions.ts", import.meta.url));
  await Promise.all(Array.from({ length: 200 }, (_, n) => inc(n)));
  while (shoal.callFigures().slots < 4) await inc(0);
  const megabytes = async () => {
    const { in_bytes, out_bytes } = await (await fetch(`http://127.0.0.1:${monitor}/varz`)).json();
    return [in_bytes / 1e6, out_bytes / 1e6];
  };
  const table = shared(new Uint8Array(Number(values.megabytes) * 1e6).fill(7));
  for (const round of ["first", "again"]) {
    const before = await megabytes();
    const began = performance.now();
    // Eight calls of each slot.
    const given = await Promise.all(Array.from({ length: 32 }, (_, n) => at(table, n)));
    if (given.some((value) => value !== 7)) throw new Error("a wrong byte");
    const seconds = (performance.now() - began) / 1000;
    const after = await megabytes();
    const [into, out] = after.map((value, n) => (value - before[n]).toFixed(0));
    console.log(`${round}: ${seconds.toFixed(2)} s; ${into} MB into the NATS server, ${out} MB out of it`);
  }
  await shoal.close();
  process.exit(0);
}
