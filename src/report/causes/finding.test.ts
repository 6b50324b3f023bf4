import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { findingCodes } from "./finding.ts";

it("docs/cli.md has every code with what it says, in order", () => {
  const docs = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
  const section = docs.slice(docs.indexOf("### `shoal why`"), docs.indexOf("### `shoal events`"));
  const rows = [...section.matchAll(/^\| `([A-Z_]+)` \| (.+) \|$/gm)].map(([, code, about]) => [code, about]);
  expect(rows).toEqual(Object.entries(findingCodes));
});
