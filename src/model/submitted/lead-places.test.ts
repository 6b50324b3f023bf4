import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { identityOf } from "../../store/process.ts";
import { LeadPlaces } from "./lead-places.ts";

let directory: string;
let lead: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "shoal-lead-"));
  lead = path.join(directory, "lead");
});
afterEach(() => rmSync(directory, { recursive: true }));

function made(name: string, owner: unknown): void {
  mkdirSync(path.join(lead, name, "jobs"), { recursive: true });
  writeFileSync(path.join(lead, `${name}.json`), JSON.stringify(owner));
}

test("what a leader has written goes with it", async () => {
  const places = new LeadPlaces(directory);
  mkdirSync(places.take("s1-1"), { recursive: true });
  mkdirSync(places.take("s2-1"), { recursive: true });
  await places.leave("s1-1");
  expect(readdirSync(lead)).toEqual(["s2-1", "s2-1.json"]);
});

test("leaders that were killed with their worker left their copies of journals for ever", () => {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  made("s1-1", { ...identityOf(process.pid), pid, started: "1" });
  made("s2-1", "half");
  mkdirSync(path.join(lead, "s3-1"));
  const away = { ...identityOf(process.pid), host: "elsewhere" };
  made("s4-1", away);
  made("s5-1", away);
  utimesSync(path.join(lead, "s5-1.json"), 1, 1);
  const places = new LeadPlaces(directory);
  places.sweep();
  expect(readdirSync(lead)).toEqual(["s4-1", "s4-1.json"]);
  const used = places.take("s6-1");
  mkdirSync(used);
  new LeadPlaces(directory).sweep();
  expect(readdirSync(lead)).toContain(path.basename(used));
});

test("a directory in which nobody led is left alone", () => {
  new LeadPlaces(directory).sweep();
  expect(readdirSync(directory)).toEqual([]);
});
