// Every name that a cluster has on its NATS server, under one prefix: the roles' permissions are patterns of these.
//
//   shoal.<cluster>.who                          asked by anyone, answered by every worker
//   shoal.<cluster>.here                         a worker tells of itself when it has come, and when it leaves
//   shoal.<cluster>.worker.<w>                   requests to one worker
//   shoal.<cluster>.open                         a coordinator tells the workers of its job, once in a heartbeat
//   shoal.<cluster>.exited                       a worker tells of the one before it in its place, which is dead
//   shoal.<cluster>.run.<run>.door.<w>           frames of a session, from worker w to the coordinator
//   shoal.<cluster>.run.<run>.seat.<w>           the other way
//   shoal.<cluster>.lease.<w>.<lease>.up         frames from a slot of worker w that a client has leased for calls
//   shoal.<cluster>.lease.<w>.<lease>.down       the other way
//
//   shoal.<cluster>.job.<id>.said                what the host of a submitted job tells who follows it
//   shoal.<cluster>.job.<id>.cancel              asked by anyone, answered by the host
//   shoal.<cluster>.journal.<id>                 journals of submitted jobs: stream shoal_<cluster>_journals
//
//   bucket shoal_<cluster>                       the number of the last worker, and those that are there; submitted jobs,
//                                                and who leads them; runs that are over
//   object stores shoal_<cluster>_bundles, …_results

export class Subjects {
  readonly cluster: string;
  private readonly prefix: string;

  constructor(cluster: string) {
    this.cluster = cluster;
    this.prefix = `shoal.${cluster}`;
  }

  get who(): string {
    return `${this.prefix}.who`;
  }

  get here(): string {
    return `${this.prefix}.here`;
  }

  get open(): string {
    return `${this.prefix}.open`;
  }

  get exited(): string {
    return `${this.prefix}.exited`;
  }

  worker(worker: string): string {
    return `${this.prefix}.worker.${worker}`;
  }

  /** `worker` "*": of all. */
  door(run: string, worker: string): string {
    return `${this.prefix}.run.${run}.door.${worker}`;
  }

  seat(run: string, worker: string): string {
    return `${this.prefix}.run.${run}.seat.${worker}`;
  }

  lease(worker: string, lease: string, way: "up" | "down"): string {
    return `${this.prefix}.lease.${worker}.${lease}.${way}`;
  }

  said(job: string): string {
    return `${this.prefix}.job.${job}.said`;
  }

  cancel(job: string): string {
    return `${this.prefix}.job.${job}.cancel`;
  }

  /** `job` ">": of all. */
  journal(job: string): string {
    return `${this.prefix}.journal.${job}`;
  }

  get journals(): string {
    return `shoal_${this.cluster}_journals`;
  }

  get bucket(): string {
    return `shoal_${this.cluster}`;
  }

  get bundles(): string {
    return `shoal_${this.cluster}_bundles`;
  }

  get results(): string {
    return `shoal_${this.cluster}_results`;
  }
}
