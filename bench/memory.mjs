// npm run bench:memory: 1 GiB of input with 5 million distinct keys under --memory 256m. Right, and within its budget?
//
//   node bench/memory.mjs [--size 1024] [--keys 5000000] [--memory 256m]
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "1024" },
    keys: { type: "string", default: "5000000" },
    memory: { type: "string", default: "256m" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(
    "usage: node bench/memory.mjs [--size MIB] [--keys N] [--memory SIZE]\nCounts many distinct keys under a memory budget; checks every count and the peak of resident memory.",
  );
  process.exit(0);
}
const keys = Number(values.keys);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "shoal-memory-"));
const counts = new Int32Array(keys);
const input = path.join(dir, "input.txt");
const out = fs.openSync(input, "w");
let seed = 12345;
for (let bytes = 0, made = 0; bytes < Number(values.size) * 2 ** 20;) {
  let text = "";
  while (text.length < 2 ** 20) {
    for (let k = 0; k < 8; k++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const key = made < keys ? made++ : seed % keys;
      counts[key]++;
      text += `key${key}${k < 7 ? " " : "\n"}`;
    }
  }
  bytes += fs.writeSync(out, text);
}
fs.closeSync(out);
fs.writeFileSync(
  path.join(dir, "job.ts"),
  `import { job, read } from "shoal";
export default job({ input: "input.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).flatMap((line: string) => line.split(" ")).countByValue().write.tsv(output));
`,
);
const cli = path.join(path.dirname(fileURLToPath(import.meta.url)), "../dist/cli/main.js");
const child = spawn(process.execPath, [cli, "run", "job.ts", "--memory", values.memory, "--json"], {
  cwd: dir,
  stdio: ["ignore", "pipe", "inherit"],
});
let peakKib = 0;
const poll = setInterval(() => {
  try {
    // VmHWM is the peak so far, kept by the kernel: polling can only miss what comes in the last moments
    peakKib = Math.max(
      peakKib,
      Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0),
    );
  } catch {
    // it has just ended
  }
}, 50);
let stdout = "";
child.stdout.on("data", (chunk) => (stdout += chunk));
const code = await new Promise((resolve) => child.on("close", resolve));
clearInterval(poll);
if (code !== 0) throw new Error(`exit code ${code}`);
const { report } = JSON.parse(stdout);

let right = 0;
for (const name of fs.readdirSync(path.join(dir, "out")).filter((file) => file.startsWith("part-"))) {
  for await (const line of readline.createInterface({
    input: fs.createReadStream(path.join(dir, "out", name)),
  })) {
    const [key, count] = line.split("\t");
    const number = Number(key.slice(3));
    if (counts[number] !== Number(count)) throw new Error(`${key}: ${count}, expected ${counts[number]}`);
    counts[number] = 0;
    right++;
  }
}
const left = fs.readdirSync(dir).filter((name) => name.startsWith(".") && name !== ".shoal");
console.log(
  `${right} of ${keys} counts right${counts.some((n) => n !== 0) ? ", but some are missing" : ""}; peak RSS ${Math.round(peakKib / 1024)} MiB ` +
    `under --memory ${values.memory}; ${report.spills} spills; ${(report.wallMs / 1000).toFixed(1)} s; left beside the output: ${left.join(" ") || "nothing"}`,
);
fs.rmSync(dir, { recursive: true, force: true });
if (right !== keys || counts.some((n) => n !== 0)) process.exit(1);
