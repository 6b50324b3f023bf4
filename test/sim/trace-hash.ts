// A hash of everything that happened, so that two runs of one seed can be told apart at the first difference.

import type { LogEntry } from "../../src/core/log.ts";

export class TraceHash {
  private a = 0x9e3779b9;
  private b = 0x85ebca6b;

  get text(): string {
    return (this.a >>> 0).toString(16).padStart(8, "0") + (this.b >>> 0).toString(16).padStart(8, "0");
  }

  number(value: number): void {
    this.a = Math.imul(this.a ^ value, 0x01000193) ^ (this.b >>> 13);
    this.b = Math.imul(this.b ^ (value + 0x7f4a7c15), 0x27d4eb2d) ^ (this.a >>> 15);
  }

  string(text: string): void {
    for (let i = 0; i < text.length; i++) this.number(text.charCodeAt(i));
    this.number(-1);
  }

  entry({ id, at, cause, machine, body }: LogEntry, worldAt: number): void {
    this.number(id);
    this.number(at);
    this.number(worldAt);
    this.number(cause ?? 0);
    this.string(machine);
    this.string(body.kind);
    if ("attempt" in body) this.string(body.attempt);
    if ("worker" in body) this.string(body.worker);
  }
}
