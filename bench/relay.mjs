// npm run bench:relay: what a hop costs. On one NATS server of loopback, in one run, one at a time: a bare request; the same
// through one more process that hands it on, the answer going straight back; and a call of a function on a cluster, which
// its client dispatches itself.
//
//   node bench/relay.mjs [--rounds 5] [--json]
import { fork, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { connect as connectNats } from "@nats-io/transport-node";
import { connect, startWorker } from "shoal";
import { freePort, listens } from "./net.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    worker: { type: "string" },
  },
});
if (values.help) {
  console.log(
    "usage: npm run bench:relay -- [--rounds N] [--json]\nWhat one more hop costs a call on a cluster.",
  );
  process.exit(0);
}
if (values.worker !== undefined) {
  const [url, directory] = values.worker.split(" ");
  await startWorker(url, { slots: 1, directory });
  process.send("ready");
  process.on("disconnect", () => process.exit(0));
} else await measure();

async function measure() {
  const lab = mkdtempSync(path.join(tmpdir(), "shoal-bench-relay-"));
  const children = [];
  process.on("exit", () => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(lab, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  const server = ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", path.join(lab, "nats")];
  children.push(spawn("nats-server", server, { stdio: "ignore" }));
  while (!(await listens(port))) await new Promise((resolve) => setTimeout(resolve, 20));
  const forked = async (name, ...args) => {
    const child = fork(new URL(name, import.meta.url), args);
    children.push(child);
    await new Promise((resolve) => child.once("message", resolve));
  };
  await forked("cluster/nats-echo.mjs", url);
  await forked("cluster/nats-relay.mjs", url);
  await forked("relay.mjs", "--worker", `${url} ${path.join(lab, "worker")}`);

  const bare = await connectNats({ servers: url });
  const shoal = await connect(url, { stateDir: path.join(lab, "state") });
  const { inc } = shoal.use(new URL("calls/functions.ts", import.meta.url));
  const payload = new Uint8Array(16);
  const ways = {
    bare: () => bare.request("bench.echo", payload, { timeout: 5000 }),
    relayed: () => bare.request("bench.relay", payload, { timeout: 5000 }),
    direct: (n) => inc(n),
  };
  const calls = 3000;
  const p50 = async (act) => {
    const times = new Float64Array(calls);
    for (let n = 0; n < calls; n++) {
      const began = performance.now();
      await act(n);
      times[n] = (performance.now() - began) * 1000;
    }
    return times.sort()[calls >> 1];
  };
  const seen = { bare: [], relayed: [], direct: [] };
  for (const act of Object.values(ways)) await p50(act);
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [way, act] of Object.entries(ways)) seen[way].push(await p50(act));

  const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
  const ratio = (way) => median(seen[way].map((micros, round) => micros / seen.bare[round])).toFixed(2);
  if (values.json) console.log(JSON.stringify(seen));
  else {
    console.log(`a bare NATS request, p50: ${median(seen.bare).toFixed(0)} µs`);
    console.log(
      `the same through one more process: ${median(seen.relayed).toFixed(0)} µs: ${ratio("relayed")} × a bare request`,
    );
    console.log(
      `a call of a function, dispatched by its client: ${median(seen.direct).toFixed(0)} µs: ${ratio("direct")} × (target ≤ 1.5)`,
    );
  }
  await shoal.close();
  await bare.close();
  process.exit(0);
}
