import { expect, test } from "vitest";
import type { ClusterConnection } from "./connection.ts";
import { readJournal } from "./journal-messages.ts";
import { Subjects } from "./subjects.ts";

/** Numbers of the messages that are read where the questions are answered so; null: there is no message yet. */
async function read(...answers: (number | null)[]): Promise<number[]> {
  const use = (): Promise<{ seq: number } | null> => {
    const seq = answers.shift() ?? null;
    return Promise.resolve(seq === null ? null : { seq });
  };
  const connection = { subjects: new Subjects("test"), use } as unknown as ClusterConnection;
  const seqs: number[] = [];
  for await (const { seq } of readJournal(connection, "s1", 1)) seqs.push(seq);
  return seqs;
}

test("what is appended while several are asked for is not told before what was appended before it", async () => {
  // Asked for 2 and for 3: both were appended between the two answers.
  expect(await read(1, null, 3)).toEqual([1]);
  expect(await read(1, 2, 3, 4, null, 6, 7)).toEqual([1, 2, 3, 4]);
});

test("of several that find the same message one tells it", async () => {
  expect(await read(1, 9, 9, 10, 20, 20, 20)).toEqual([1, 9, 10, 20]);
});
