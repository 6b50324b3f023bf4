// A line of a story as text: when, which entry, which machine, and what, indented under its cause.

import type { StoryLine } from "./story.ts";

/** "    1.204 s  #41  coordinator  < AttemptFailed t3.1 at w1 … (by #38)": one line, no escaping. */
export function storyText({ ms, id, machine, type, depth, text, cause, isContext }: StoryLine): string {
  const time = `${(ms / 1000).toFixed(3)} s`.padStart(12);
  if (type === "mark") return `${time}  -- ${text}`;
  const name = `#${id}`.padEnd(7);
  const arrow = type === "event" ? "<" : ">";
  const because = type === "event" && cause !== null ? `  (by #${cause})` : "";
  return `${time}  ${name} ${machine.padEnd(11)} ${"  ".repeat(depth)}${arrow} ${text}${because}${isContext ? "  [cause]" : ""}`;
}
