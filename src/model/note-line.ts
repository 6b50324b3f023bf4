// The coordinator's decisions, as lines for people.

import type { Note } from "../core/coordinator/events.ts";
import { formatDuration } from "../base/units.ts";
import { taskName } from "../base/ids.ts";

/** Null for what the progress line shows anyway. */
export function noteLine(note: Note): string | null {
  switch (note.kind) {
    case "retried": {
      const { failure } = note;
      const why = "error" in failure ? failure.error.message.split("\n")[0] : "it was cancelled";
      return `${taskName(note.task)} is tried again: attempt ${note.failed} failed: ${why}`;
    }
    case "backup-started":
      return (
        `${note.attempt} was started as a backup: the first attempt has run for ${formatDuration(note.ageMs)}, ` +
        `the median is ${formatDuration(note.medianMs)}`
      );
    case "output-remade":
      return `${taskName(note.task)} is done again: the output of ${note.lost} is lost: ${note.why}`;
    case "slots-wait":
    case "stage-started":
    case "stage-finished":
      return null;
  }
}
