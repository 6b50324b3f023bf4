// An error of user code, or about a record, told with both of its places: the line of the program and the record.

import { userFrames } from "../bundle/frames.ts";
import type { RecordPosition } from "../data/contract.ts";
import { isShoalError, ShoalError, toErrorData } from "../errors.ts";

interface Positioned {
  position(): Promise<RecordPosition>;
}

/** Wraps whatever was thrown while the reader's last record was processed. The original is the cause. */
export async function userError(thrown: unknown, stage: string, reader: Positioned): Promise<ShoalError> {
  const position = await reader.position().catch(() => null);
  const where = position === null ? "" : placeOfRecord(position);
  const record =
    position === null ? {} : { record: { file: position.file, unit: position.unit, at: position.at } };
  if (isShoalError(thrown)) {
    return new ShoalError(thrown.code, `${thrown.message}${where}`, {
      hint: thrown.hint,
      details: { ...thrown.details, stage, ...record },
      ...(thrown.cause === undefined ? {} : { cause: thrown.cause }),
    });
  }
  const data = toErrorData(thrown);
  const frame = userFrames(data.stack ?? "")[0];
  const place = frame === undefined ? "" : ` at ${frame.file}:${frame.line}:${frame.column}`;
  const what = data.name === "NonError" ? data.message : `${data.name}: ${data.message}`;
  return new ShoalError("USER_ERROR", `${what}${place}${where}`, {
    cause: thrown,
    details: {
      stage,
      ...record,
      ...(frame === undefined
        ? {}
        : { program: { file: frame.file, line: frame.line, column: frame.column } }),
    },
  });
}

function placeOfRecord({ file, unit, at }: RecordPosition): string {
  const what = `${unit} ${typeof at === "string" ? JSON.stringify(at) : at}`;
  return file === null ? `, while processing ${what}` : `, while processing ${what} of ${file}`;
}
