// The process that leads a submitted job: started by the keeper in a worker (model/submitted/keeper.ts), which holds the
// job's lease. It ends with 0 when the job is over and its record says so; any other end has another worker lead it.
//
// Whoever must not lead any more does not clean up: it dies at once, and what it leaves is taken over like that of any
// other crash.

import path from "node:path";
import { defaultMemoryBytes, moduleUrl, packageVersion, runtimeExports, usableBytes } from "./connect.ts";
import { heapLimit, memoryLimits } from "./driver/slots/memory-limits.ts";
import { fetchBundle } from "./driver/nats/bundles.ts";
import { ClusterConnection } from "./driver/nats/connection.ts";
import { JournalStream } from "./driver/nats/journal-stream.ts";
import { NatsDriver, type NatsOptions } from "./driver/nats/nats-driver.ts";
import type { LeadOrder } from "./model/submitted/keeper.ts";
import { leadJob } from "./model/submitted/lead-job.ts";
import { jobsFolder, readRecord } from "./model/submitted/record.ts";
import { openSegment } from "./store/journal/journal.ts";

const die = (): void => void process.kill(process.pid, "SIGKILL");

async function lead({ url, id, epoch, directory }: LeadOrder): Promise<void> {
  const connection = await ClusterConnection.open(url, "shoal lead", true);
  const { record } = await readRecord(connection, id);
  const jobs = path.join(directory, jobsFolder);
  const journal = new JournalStream(connection, id, epoch, (error) => {
    process.stderr.write(`shoal leads ${id} no more: ${error.message}\n`);
    die();
  });
  const onPrint = (text: string): void =>
    connection.publish(connection.subjects.said(id), JSON.stringify({ printed: text }));
  const memoryBytes = defaultMemoryBytes();
  const plan = { slots: 1, memoryBytes, usableBytes: usableBytes() };
  const executor = moduleUrl("shoal/executor");
  const runtime = { url: moduleUrl("shoal"), exports: runtimeExports };
  const options = {
    url,
    isPatient: true,
    version: packageVersion(),
    isolation: "thread",
    heapBytes: heapLimit(plan),
    memoryLimits: memoryLimits(plan),
    preload: executor,
    onPrint,
  } as const;
  // While nobody leads the job it stands still: what can be waited for together is.
  const [{ driver, slots }, file] = await Promise.all([
    connected(options),
    fetchBundle(connection, record.bundle, path.join(directory, "../../bundles")),
    journal.takeOver(jobs),
  ]);
  await leadJob({
    connection,
    record,
    epoch,
    program: {
      module: executor,
      data: { ...(record.data as object), bundle: file, runtime: runtime.url, directory: record.directory },
      bundle: { file, hash: record.bundle },
    },
    settings: {
      driver,
      slots: Math.max(1, slots),
      memoryBytes,
      stateDir: directory,
      directory: record.directory,
      mounts: record.mounts,
      executor,
      runtime,
      journalFile: (segment, isNew) => journal.file(openSegment(segment, isNew), segment, jobs),
      onPrint,
      calls: () => {
        throw new Error("a job calls no functions");
      },
      bundle: () => Promise.reject(new Error("a job that is led is bundled already")),
    },
  });
  await driver.close();
  await connection.close();
  process.exit(0);
}

async function connected(options: NatsOptions): Promise<{ driver: NatsDriver; slots: number }> {
  const driver = await NatsDriver.connect(options);
  driver.warm();
  const slots = (await driver.workers()).reduce((sum, one) => sum + one.slots, 0);
  return { driver, slots };
}

process.on("disconnect", die);
// A terminal's Ctrl-C goes to all of its processes; whether the job ends is for the worker, and for who submitted it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.once("message", (order: LeadOrder) => {
  lead(order).catch((error: unknown) => {
    process.stderr.write(
      `shoal cannot lead ${order.id}: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exit(1);
  });
});
if (!process.connected) die();
