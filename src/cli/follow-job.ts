// A job of a cluster, followed on the screen.

import type { ClusterJobs, SubmittedResult } from "./api.ts";
import type { ProgressView } from "./progress-view.ts";

/** To its end, whatever that is; once `cancelled` is raised, the job is cancelled. */
export async function followJob(
  jobs: Pick<ClusterJobs, "attach" | "cancel">,
  id: string,
  view: ProgressView,
  cancelled: AbortSignal,
): Promise<SubmittedResult> {
  const cancel = (): void => {
    jobs
      .cancel(id, (cancelled.reason as Error).message)
      .catch((error: unknown) => view.note(`${id} cannot be cancelled: ${(error as Error).message}`));
  };
  if (cancelled.aborted) cancel();
  cancelled.addEventListener("abort", cancel, { once: true });
  return await jobs.attach(id, {
    onProgress: (progress) => view.progress(progress),
    onNote: (note) => view.note(note),
    onOutput: (text) => view.output(text),
  });
}
