// An explanation as lines of text. Pure; no colours, no escaping (who prints to a terminal escapes).

import type { Explanation, Finding } from "./why.ts";

const evidenceMax = 8;

/** A title, then each finding: its code, its sentences, its lines, what to do, the entries that show it. */
export function renderWhy(explanation: Explanation): string[] {
  const { job, run, summary, findings, state, isLive } = explanation;
  const lines = [`${job} (${run}) ${summary}`];
  for (const finding of findings) lines.push("", ...findingLines(finding));
  if (findings.length === 0) lines.push("", "Nothing is known yet: it has just begun.");
  if (state === "running" && !isLive) {
    lines.push(
      "",
      "The process that runs the job did not answer: this is from its journal, without stacks and progress.",
    );
  }
  return lines;
}

function findingLines({ code, text, lines, hint, evidence }: Finding): string[] {
  const found = [`${code}`, `  ${text}`, ...lines.map((line) => `  ${line}`)];
  if (hint !== null) found.push(`  hint: ${hint}`);
  if (evidence.length > 0) {
    const shown = evidence
      .slice(-evidenceMax)
      .map((id) => `#${id}`)
      .join(" ");
    found.push(`  entries: ${evidence.length > evidenceMax ? "… " : ""}${shown}`);
  }
  return found;
}
