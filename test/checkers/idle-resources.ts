// When the job is over nothing of it is left: no process, no busy slot, no file, no attempt on the books.

import { must, type Checker } from "./checker.ts";

/** `leftovers` names what is still there, a while after the end. */
export const idleResources = (leftovers: () => readonly string[]): Checker => ({
  name: "idle-resources",
  end() {
    const left = leftovers();
    must(
      left.length === 0,
      () =>
        `left over: ${left.slice(0, 5).join(", ")}${left.length > 5 ? ` and ${left.length - 5} more` : ""}`,
    );
  },
});
