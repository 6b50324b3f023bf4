// CLUSTER_AWAY: the NATS servers of the job's cluster are away. Nobody is taken for dead meanwhile.

import { formatDuration } from "../../base/units.ts";
import { count, say } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

export const clusterAway: Cause = ({ case: found, isRunning, awayMs }) => {
  if (!isRunning || awayMs === null) return [];
  const text = say(
    `NATS has been away for ${formatDuration(awayMs)}: what workers finish is told when it is back.`,
    found.inFlight.size > 0 && `${count(found.inFlight.size, "attempt runs", "attempts run")} on meanwhile.`,
  );
  return [
    finding("CLUSTER_AWAY", text, {
      details: { awayMs: Math.round(awayMs), running: found.inFlight.size },
      hint: "Start the servers again, or mend the network between them and this machine. The job goes on by itself.",
    }),
  ];
};
