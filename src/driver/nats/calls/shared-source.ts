// The shared memory that a client's calls have referred to, by number, for workers that ask for it. It is not kept for that:
// calls that wait hold it, and when the program lets go of it workers are told to.

export class SharedSource {
  private readonly numbers = new WeakMap<SharedArrayBuffer, number>();
  private readonly memories = new Map<number, WeakRef<SharedArrayBuffer>>();
  private readonly gone: FinalizationRegistry<number>;
  private last = 0;

  /** `dropped` is told of memory that nobody can refer to any more. */
  constructor(dropped: (number: number) => void) {
    this.gone = new FinalizationRegistry((number) => {
      this.memories.delete(number);
      dropped(number);
    });
  }

  readonly numberOf = (memory: SharedArrayBuffer): number => {
    const known = this.numbers.get(memory);
    if (known !== undefined) return known;
    const number = ++this.last;
    this.numbers.set(memory, number);
    this.memories.set(number, new WeakRef(memory));
    this.gone.register(memory, number);
    return number;
  };

  /** Null: nobody refers to it any more. */
  bytesOf(number: number): Uint8Array | null {
    const memory = this.memories.get(number)?.deref();
    return memory === undefined ? null : new Uint8Array(memory);
  }
}
