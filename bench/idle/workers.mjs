// Many workers of one job in one process, as the job's coordinator sees them: their ends of the sessions are the real ones
// (driver/links), their frames are made and read by the real code (driver/nats). Each takes one task and works on it for
// ever: what remains are heartbeats. usage: workers.mjs URL COUNT; sends "ready" when all of them have a task.
import { connect } from "@nats-io/transport-node";
import { importEngine } from "../engine.mjs";

const [url, count] = process.argv.slice(2);
const { WorkerLink, FrameReader, encodeFrame, isToWorker, parseOpenJob, parseClusterUrl, Subjects } =
  await importEngine(
    "src/driver/nats/address.ts",
    "src/driver/links/worker-link.ts",
    "src/driver/nats/frame-bodies.ts",
    "src/driver/nats/frames.ts",
    "src/driver/nats/open-job.ts",
    "src/driver/nats/subjects.ts",
  );
const { servers, cluster } = parseClusterUrl(url);
const subjects = new Subjects(cluster);
const nc = await connect({ servers });

const job = await new Promise((resolve) => {
  const subscription = nc.subscribe(subjects.open, {
    callback: (_error, { data }) => {
      const open = parseOpenJob(data);
      if (open === null) return;
      subscription.unsubscribe();
      resolve(open);
    },
  });
});

const { heartbeatMs } = job;
const after = (ms, happen) => {
  const timer = setTimeout(happen, ms);
  return () => clearTimeout(timer);
};
let heard = 0;
let assigned = 0;

function work(n) {
  const worker = `w${1_000_000 + n}`;
  const reader = new FrameReader(isToWorker);
  const link = new WorkerLink(
    worker,
    { after },
    { heartbeatMs, lostTicks: 10, fenceTicks: 8, redelivers: false },
    {
      transmit: (frame) => {
        for (const message of encodeFrame(frame, 1, nc.info.max_payload))
          nc.publish(subjects.door(job.run, worker), message);
      },
      said: (message) => {
        if (message.kind !== "assign") return;
        const { attempt } = message.assignment;
        link.say({
          kind: "report",
          event: { kind: "AttemptStarted", worker, attempt, slot: 0 },
          cause: null,
        });
        if (++assigned === Number(count)) process.send("ready");
      },
      fence: () => {
        process.stderr.write(`${worker} was given up\n`);
        process.exit(1);
      },
    },
  );
  nc.subscribe(subjects.seat(job.run, worker), {
    callback: (_error, { data }) => {
      heard++;
      const read = reader.read(data);
      if (read === null) return;
      if ("gone" in read.frame) link.hearGone(read.frame.gone, read.frame.epoch);
      else link.hear(read.frame);
    },
  });
  link.say({ kind: "hello", slots: 1, cause: null });
  link.open();
}
// They do not all beat at the same moment.
for (let n = 0; n < Number(count); n++) setTimeout(work, (n * heartbeatMs) / Number(count), n);
process.on("message", () => process.send({ heard }));
process.on("disconnect", () => process.exit(0));
