// What a thread and its library's process say to each other, through two pipes: a head of JSON with the bytes that belong
// to it. (Node's own channel between processes moves bytes at a tenth of the speed, and outlives a thread that is ended.)

export interface Frame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer;
}

export function frameOf(
  head: Readonly<Record<string, unknown>>,
  bytes: Uint8Array = Buffer.alloc(0),
): Buffer[] {
  const text = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(text.length, 0);
  lengths.writeUInt32LE(bytes.length, 4);
  return [lengths, text, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)];
}

/** Puts frames together from what a pipe gives. */
export class FrameReader {
  private parts: Buffer[] = [];
  private have = 0;
  private wanted = 8;
  private readonly got: (frame: Frame) => void;

  constructor(got: (frame: Frame) => void) {
    this.got = got;
  }

  add(part: Buffer): void {
    this.parts.push(part);
    this.have += part.length;
    while (this.have >= this.wanted) {
      const all = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
      const head = all.readUInt32LE(0);
      const end = 8 + head + all.readUInt32LE(4);
      this.parts = [all];
      this.wanted = end;
      if (all.length < end) return;
      const rest = all.subarray(end);
      this.parts = [rest];
      this.have = rest.length;
      this.wanted = 8;
      const text = all.toString("utf8", 8, 8 + head);
      this.got({ head: JSON.parse(text) as Frame["head"], bytes: all.subarray(8 + head, end) });
    }
  }
}
