// Memory limits of slots. Far above what healthy runs need: they save the program from code that eats memory, they do
// not save memory. Pure.

export interface MemoryLimits {
  /** Of the ArrayBuffers of one slot. */
  readonly bufferBytes: number;
  /** Of a slot's process: all its memory. */
  readonly processBytes: number;
  /** Of all slots together: all their memory. */
  readonly totalBytes: number;
}

const mebi = 2 ** 20;
const gibi = 2 ** 30;
/** What Node itself and the code of a slot need. */
const processBaseBytes = 256 * mebi;

export interface MemoryPlan {
  readonly slots: number;
  /** The budget for records, of all slots together. */
  readonly memoryBytes: number;
  /** What this process may use: the machine's memory, or the container's. */
  readonly usableBytes: number;
}

/** A slot's JavaScript heap: twice its share of the budget, at least 192 MiB. V8 keeps this limit. */
export const heapLimit = ({ memoryBytes, slots }: MemoryPlan): number =>
  Math.max(192 * mebi, 2 * Math.ceil(memoryBytes / slots));

/**
 *   buffers    4 × the slot's share of the budget, at least 1 GiB
 *   process    heap + buffers + 256 MiB
 *   all        as many of these as there are slots, but no more than nine tenths of what may be used
 */
export function memoryLimits(plan: MemoryPlan): MemoryLimits {
  const bufferBytes = Math.max(gibi, 4 * Math.ceil(plan.memoryBytes / plan.slots));
  const processBytes = heapLimit(plan) + bufferBytes + processBaseBytes;
  const totalBytes = Math.min(
    plan.slots * processBytes + processBaseBytes,
    Math.floor(0.9 * plan.usableBytes),
  );
  return { bufferBytes, processBytes, totalBytes };
}
