// Colours on standard error, or none: NO_COLOR, FORCE_COLOR, TERM=dumb, and whether it is a terminal at all.

import type { Colors } from "picocolors/types.js";

export type Paint = Pick<Colors, "bold" | "dim" | "red" | "green" | "yellow" | "cyan">;

const plain = (text: string | number | null | undefined): string => String(text);
export const noPaint: Paint = {
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  cyan: plain,
};

/** Whether to colour what goes to a stream. (https://no-color.org: any value but the empty one counts.) */
export function wantsColour(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  return isTerminal && env["TERM"] !== "dumb";
}

/** Loads the colours only where they will be seen. */
export async function paintFor(env: NodeJS.ProcessEnv, isTerminal: boolean): Promise<Paint> {
  if (!wantsColour(env, isTerminal)) return noPaint;
  const { default: picocolors } = await import("picocolors");
  return picocolors.createColors(true);
}
