import { expect, test } from "vitest";
import type { WorkerId } from "../../base/ids.ts";
import { Door, type Envelope } from "./door.ts";
import type { FromWorker } from "./messages.ts";

const w1 = "w1" as WorkerId;
const frame = (seq: number, body: FromWorker | null): Envelope<FromWorker> => ({
  worker: w1,
  epoch: 7,
  seq,
  ack: 0,
  body,
});
const leaving: FromWorker = { kind: "leaving", cause: null };

test("what a lost worker still says is told once of each message, and counts for nothing", () => {
  const heard: string[] = [];
  const door = new Door<WorkerId>(
    7,
    { after: () => () => {} },
    { heartbeatMs: 10, lostTicks: 3, fenceTicks: 2, redelivers: false },
    {
      said: (_, { kind }) => void heard.push(`said ${kind}`),
      lost: (worker) => void heard.push(`lost ${worker}`),
      silent: () => {},
      late: (_, { kind }) => void heard.push(`late ${kind}`),
      send: (_, sent) => void ("gone" in sent && heard.push("gone")),
    },
  );
  door.hear(w1, frame(1, { kind: "hello", slots: 1, cause: null }));
  door.reset(w1);
  door.hear(w1, frame(1, { kind: "hello", slots: 1, cause: null })); // said again: it was not acknowledged
  door.hear(w1, frame(2, leaving));
  door.hear(w1, frame(2, leaving));
  door.hear(w1, { ...frame(3, leaving), epoch: 6 }); // to another coordinator
  door.hear(w1, frame(0, null));
  expect(heard).toEqual(["said hello", "lost w1", "gone", "late leaving", "gone", "gone", "gone", "gone"]);
});
