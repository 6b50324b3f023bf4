// NOBODY_LEADS: a job that was left to a cluster, whose leader is gone, and which no other has taken yet.

import { count, say } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

export const nobodyLeads: Cause = ({ case: found, isRunning, isUnled }) => {
  if (!isRunning || !isUnled) return [];
  const text = say(
    "No worker leads the job at the moment: what is finished is kept, and nothing new is decided.",
    found.inFlight.size > 0 &&
      `${count(found.inFlight.size, "attempt", "attempts")} ran when the last leader was heard; below is what it knew.`,
  );
  return [
    finding("NOBODY_LEADS", text, {
      details: { running: found.inFlight.size },
      hint:
        "Another takes it within some 5 s, if one can: shoal workers tells which there are, and their own output why one " +
        "cannot, for instance because the NATS server's store is full.",
    }),
  ];
};
