// The process that leads a submitted job: started by the keeper in a worker (model/submitted/keeper.ts), which holds the
// job's lease. It ends with 0 when the job is over and its record says so; any other end has another worker lead it.
//
// It is started before there is a job (leading-processes.ts), connects, starts its slot, and waits for the order to lead.
//
// Whoever must not lead any more does not clean up: it dies at once, and what it leaves is taken over like that of any
// other crash.

import path from "node:path";
import { defaultMemoryBytes, moduleUrl, packageVersion, runtimeExports, usableBytes } from "./connect.ts";
import { heapLimit, memoryLimits } from "./driver/slots/memory-limits.ts";
import { fetchBundle } from "./driver/nats/bundles.ts";
import { ClusterConnection } from "./driver/nats/connection.ts";
import { JournalStream } from "./driver/nats/journal-stream.ts";
import { NatsDriver } from "./driver/nats/nats-driver.ts";
import type { ProgramRef } from "./executor/program.ts";
import { leadJob } from "./model/submitted/lead-job.ts";
import { readyMessage, type LeadOrder, type LeadSetup } from "./model/submitted/leading-processes.ts";
import { changeRecord, jobsFolder, readRecord, type SubmittedJob } from "./model/submitted/record.ts";
import { openSegment } from "./store/journal/journal.ts";

const die = (): void => void process.kill(process.pid, "SIGKILL");

const executor = moduleUrl("shoal/executor");
const runtime = { url: moduleUrl("shoal"), exports: runtimeExports };
const memoryBytes = defaultMemoryBytes();

/** What does not depend on the job. `onPrint` takes what its code prints in this process's slot. */
async function prepare(url: string, onPrint: (text: string) => void): Promise<NatsDriver> {
  const connection = await ClusterConnection.open(url, "shoal lead", true);
  const plan = { slots: 1, memoryBytes, usableBytes: usableBytes() };
  const options = {
    url,
    version: packageVersion(),
    isolation: "thread",
    heapBytes: heapLimit(plan),
    memoryLimits: memoryLimits(plan),
    preload: executor,
    hasBundles: true,
    onPrint,
  } as const;
  const driver = new NatsDriver(options, connection);
  driver.warm();
  return driver;
}

/** For lists and `why`: who follows the job is told by a note. One after the other, or an old reason would come last. */
function waitsIn(connection: ClusterConnection, id: string): (why: string | null) => void {
  let telling: Promise<unknown> = Promise.resolve();
  return (waits) => {
    const tell = () => changeRecord(connection, id, (record) => ({ ...record, waits }));
    telling = telling.then(tell).catch(() => {}); // lists may be wrong; the job is not
  };
}

async function lead(
  driver: NatsDriver,
  { id, epoch, directory }: LeadOrder,
  onPrint: (text: string) => void,
): Promise<void> {
  const { connection } = driver;
  const jobs = path.join(directory, jobsFolder);
  const journal = new JournalStream(connection, id, epoch, (error) => {
    process.stderr.write(`shoal leads ${id} no more: ${error.message}\n`);
    die();
  });
  const programOf = async (record: SubmittedJob): Promise<ProgramRef> => {
    const file = await fetchBundle(connection, record.bundle, path.join(directory, "../../bundles"));
    const data = {
      ...(record.data as object),
      bundle: file,
      runtime: runtime.url,
      directory: record.directory,
    };
    const program = { module: executor, data, bundle: { file, hash: record.bundle } };
    driver.preload(program);
    return program;
  };
  const [[record, program], workers] = await Promise.all([
    readRecord(connection, id).then(async ({ record }) => [record, await programOf(record)] as const),
    driver.workers(),
    journal.takeOver(jobs),
  ]);
  await leadJob({
    connection,
    record,
    epoch,
    program,
    settings: {
      driver,
      slots: Math.max(
        1,
        workers.reduce((sum, { slots }) => sum + slots, 0),
      ),
      memoryBytes,
      stateDir: directory,
      directory: record.directory,
      mounts: record.mounts,
      executor,
      runtime,
      submitted: { id, waits: waitsIn(connection, id) },
      journalFile: (segment, isNew) => journal.file(openSegment(segment, isNew), segment, jobs),
      onPrint,
      calls: () => {
        throw new Error("a job calls no functions");
      },
      bundle: () => Promise.reject(new Error("a job that is led is bundled already")),
    },
  });
  await driver.close();
  process.exit(0);
}

async function serve({ url }: LeadSetup, ordered: Promise<LeadOrder>): Promise<void> {
  let say = (_text: string): void => {}; // before there is a job, nobody's code runs
  const onPrint = (text: string): void => say(text);
  const driver = await prepare(url, onPrint);
  process.send!(readyMessage, () => {}); // one that does not arrive: its worker has died, and "disconnect" tells
  const order = await ordered;
  const { connection } = driver;
  say = (text) => connection.publish(connection.subjects.said(order.id), JSON.stringify({ printed: text }));
  await lead(driver, order, onPrint);
}

process.on("disconnect", die);
// A terminal's Ctrl-C goes to all of its processes; whether the job ends is for the worker, and for who submitted it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.once("message", (setup: LeadSetup) => {
  let what = "jobs";
  const ordered = new Promise<LeadOrder>((resolve) => {
    process.once("message", (order: LeadOrder) => {
      what = order.id;
      resolve(order);
    });
  });
  serve(setup, ordered).catch((error: unknown) => {
    const text = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`shoal cannot lead ${what}: ${text}\n`);
    process.exit(1);
  });
});
if (!process.connected) die();
