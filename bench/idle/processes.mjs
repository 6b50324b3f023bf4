// CPU time of processes and all that they have started, from /proc. Linux only.
import { readdirSync, readFileSync } from "node:fs";

/** The kernel counts CPU time in these, on every machine that Node runs on. */
const ticksPerSecond = 100;

/** Of each process: who started it, and its ticks, with those of its children that have ended. */
function table() {
  const rows = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      // The second field is a name in parentheses, which may hold anything.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
      rows.set(Number(name), { parent: Number(fields[1]), ticks: utime + stime + cutime + cstime });
    } catch {
      // It has ended since.
    }
  }
  return rows;
}

/** Seconds of CPU that each of these processes has used, children included. */
export function cpuSeconds(pids) {
  const rows = table();
  const rootOf = (pid) => {
    for (let at = pid; at > 1; at = rows.get(at)?.parent ?? 0) if (pids.includes(at)) return at;
    return null;
  };
  const ticks = new Map(pids.map((pid) => [pid, 0]));
  for (const [pid, row] of rows) {
    const root = rootOf(pid);
    if (root !== null) ticks.set(root, ticks.get(root) + row.ticks);
  }
  return pids.map((pid) => ticks.get(pid) / ticksPerSecond);
}

/** What each of these processes uses of one core, in per cent, over so many seconds from now. */
export async function shareOfCore(pids, seconds) {
  const began = performance.now();
  const before = cpuSeconds(pids);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const after = cpuSeconds(pids);
  const passed = (performance.now() - began) / 1000;
  return after.map((cpu, i) => ((cpu - before[i]) / passed) * 100);
}
