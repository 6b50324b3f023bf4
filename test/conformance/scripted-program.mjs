// The scripted program (script.ts) for real slots: plain JavaScript, since a slot imports it as it is.

import { ShoalError } from "shoal";

const actOf = (script, attempt) => script[attempt] ?? script[attempt.split(".")[0]] ?? {};

export function createProgram(script) {
  return {
    async call(method, argument) {
      if (method === "echo") return argument;
      throw Object.assign(new Error(`no method ${method}`), { received: method });
    },
    async run({ attempt }, host) {
      const act = actOf(script, attempt);
      const durationMs = act.durationMs ?? 5;
      if (act.end === "busy") for (;;);
      await new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, act.end === "hang" ? 2 ** 30 : durationMs);
        host.signal.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(host.signal.reason);
        });
      });
      if (act.lost !== undefined) {
        throw Object.assign(new Error(`scripted loss seen by ${attempt}`), {
          name: "BlocksLostError",
          lost: act.lost,
        });
      }
      if (act.end === "fail") throw new Error(`scripted failure of ${attempt}`);
      if (act.end === "fail-final") throw new ShoalError("RECORD_INVALID", `scripted failure of ${attempt}`);
      if (act.end === "exit") process.reallyExit(3);
      return {
        recordsIn: 1,
        recordsOut: 1,
        bytesIn: 1,
        bytesOut: 1,
        spills: 0,
        spilledBytes: 0,
        skipped: 0,
        waitMs: 0,
        runMs: durationMs,
        counters: {},
      };
    },
  };
}
