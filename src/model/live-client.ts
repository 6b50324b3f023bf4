// Asks the job that runs now in a state directory. No answer is no error: a stale socket, a job that has just ended, a
// process that is stopped.

import net from "node:net";
import type { LiveAnswer, LiveRequest } from "./live-protocol.ts";
import { liveFormat } from "./live-protocol.ts";
import { isTrusted, socketPaths } from "./live-path.ts";

const answerMs = 4000;
const answerMax = 16 * 2 ** 20;

/** The answer of the running job, or null if none answers in time. */
export async function askLive(stateDir: string, request: LiveRequest): Promise<LiveAnswer | null> {
  for (const file of await socketPaths(stateDir)) {
    if (!(await isTrusted(file))) continue;
    const answer = await ask(file, request);
    if (answer !== null) return answer;
  }
  return null;
}

async function ask(file: string, request: LiveRequest): Promise<LiveAnswer | null> {
  return await new Promise((resolve) => {
    let text = "";
    const socket = net.connect(file);
    const end = (answer: LiveAnswer | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(null), answerMs);
    socket.setEncoding("utf8");
    socket.on("error", () => end(null));
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > answerMax) end(null);
    });
    socket.on("end", () => end(answerIn(text)));
    socket.on("close", () => end(null));
  });
}

function answerIn(text: string): LiveAnswer | null {
  try {
    const answer = JSON.parse(text) as LiveAnswer | null;
    return answer?.format === liveFormat && typeof answer.run === "string" ? answer : null;
  } catch {
    return null; // cut short by the end of the job
  }
}
