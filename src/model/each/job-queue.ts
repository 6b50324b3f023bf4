// The jobs that wait for a slot, the earliest first: those that are tried again before those that have not begun.

export interface Queued {
  /** Place in the order of arrival. */
  readonly order: number;
}

export class JobQueue<J extends Queued> {
  /** In order; all of them are earlier than all of `fresh`. Few: at most as many as run at a time. */
  private readonly again: J[] = [];
  private fresh: J[] = [];
  private head = 0;

  get size(): number {
    return this.again.length + this.fresh.length - this.head;
  }

  get first(): J | undefined {
    return this.again[0] ?? this.fresh[this.head];
  }

  /** Adds a job that has arrived last. */
  add(job: J): void {
    this.fresh.push(job);
  }

  /** Adds a job that was taken before. */
  addAgain(job: J): void {
    const at = this.again.findIndex(({ order }) => order > job.order);
    this.again.splice(at === -1 ? this.again.length : at, 0, job);
  }

  take(): J | undefined {
    if (this.again.length > 0) return this.again.shift();
    const job = this.fresh[this.head];
    if (job === undefined) return undefined;
    this.head++;
    // A queue of many thousands is not moved for each job that leaves it.
    if (this.head >= 1024 && this.head * 2 >= this.fresh.length) {
      this.fresh = this.fresh.slice(this.head);
      this.head = 0;
    }
    return job;
  }

  /** Takes all jobs. */
  clear(): J[] {
    const jobs = [...this.again, ...this.fresh.slice(this.head)];
    this.again.length = 0;
    this.fresh = [];
    this.head = 0;
    return jobs;
  }
}
