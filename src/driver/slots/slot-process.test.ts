import { expect, test } from "vitest";
import { slotArguments } from "./slot-process.ts";

test("how modules are loaded passes on to slots; what to run and to debug does not", () => {
  expect(slotArguments(["--import", "tsx", "--max-old-space-size=100", "--enable-source-maps"])).toEqual([
    "--import",
    "tsx",
    "--max-old-space-size=100",
    "--enable-source-maps",
  ]);
  expect(
    slotArguments(["-e", "run()", "--inspect-brk=0", "--input-type=module", "--watch", "--conditions", "x"]),
  ).toEqual(["--conditions", "x"]);
  expect(slotArguments(["--eval", "run()", "--print", "1", "--cpu-prof"])).toEqual([]);
});
