// The halt rule: when a run stops before its input ends. GNU parallel's words: `never`, or when,why=how-many.

import { ShoalError } from "../../errors.ts";

export interface HaltRule {
  /** "now" kills what runs, "soon" lets it end. */
  readonly when: "now" | "soon";
  readonly why: "fail" | "success" | "done";
  /** Jobs, or per cent of all jobs. */
  readonly amount: number;
  readonly isPercent: boolean;
}

/** How many jobs have ended, and how many there are; `total` is null as long as nobody knows. */
export interface HaltCounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly total: number | null;
}

/** The forms of before 2015, which GNU parallel still takes. */
const oldForms: Readonly<Record<string, string>> = {
  "0": "never",
  "1": "soon,fail=1",
  "2": "now,fail=1",
  "-1": "soon,success=1",
  "-2": "now,success=1",
};

const form = /^(now|soon),(fail|success|done)=(\d{1,9}|\d{1,2}(?:\.\d{1,6})?%|100%)$/;
const expected =
  "never, or now or soon, a comma, and fail=N, success=N or done=N, where N may be a percentage";

/** The rule of `text`, or null for "never". BAD_OPTION for what is none. */
export function parseHalt(text: string): HaltRule | null {
  const current = oldForms[text] ?? (/^\d{1,2}%$/.test(text) ? `soon,fail=${text}` : text);
  if (current === "never") return null;
  const match = form.exec(current);
  const amount = match === null ? 0 : Number(match[3]!.replace("%", ""));
  if (match === null || amount === 0) {
    throw new ShoalError("BAD_OPTION", `halt must be ${expected}; received ${JSON.stringify(text)}`, {
      hint: 'For instance "now,fail=1" or "soon,fail=30%".',
      details: { option: "halt", received: text, expected },
    });
  }
  return {
    when: match[1] as HaltRule["when"],
    why: match[2] as HaltRule["why"],
    amount,
    isPercent: match[3]!.endsWith("%"),
  };
}

/** Whether the run is to stop. A percentage of an unknown number is never reached. */
export function isHaltReached({ why, amount, isPercent }: HaltRule, counts: HaltCounts): boolean {
  const { succeeded, failed, total } = counts;
  const reached = why === "fail" ? failed : why === "success" ? succeeded : succeeded + failed;
  if (!isPercent) return reached >= amount;
  return total !== null && reached > 0 && reached * 100 >= amount * total;
}
