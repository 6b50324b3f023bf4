// An error as docs/cli.md has it in the document of --json: without stacks.

import { isShoalError, toErrorData } from "../errors.ts";
import type { ErrorData } from "../errors.ts";

export function errorMembers(error: unknown): Record<string, unknown> {
  const ours = isShoalError(error) ? error : null;
  return {
    code: "INTERNAL",
    ...withoutStacks(toErrorData(error)),
    definite: ours?.definite ?? false,
    retryable: ours?.retryable ?? false,
  };
}

function withoutStacks(data: ErrorData): Record<string, unknown> {
  const { cause } = data;
  return { ...data, stack: undefined, cause: cause === undefined ? undefined : withoutStacks(cause) };
}
