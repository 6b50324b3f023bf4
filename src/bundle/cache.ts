// Bundles on disk, in <stateDir>/bundles:
//
//   <sha256 of the file>.mjs      the bundle; its last line names its map
//   <sha256 of the code>.map      its source map; begins with the base of import.meta and of the sources
//   index/<sha256 of entry>.json  what the bundle of that program was made of, and its name
//
// The map is named by the code before its last line, since a name in the text cannot depend on the text's
// own hash. All files appear by rename, so processes never see a part of one, and two that write the same
// write the same bytes. Nothing read here is believed: hashes are checked, and what does not fit is a miss.

import fs from "node:fs";
import path from "node:path";
import { ShoalError } from "../errors.ts";
import { checkInputs, markInput, sha256, type InputMark } from "./inputs.ts";
import { bundleName, mapName, mapOf, sweepBundles } from "./sweep.ts";

/** Raised whenever the same program would become another bundle, or the index another form. */
const indexFormat = 1;
/** The pinned version; a test compares. To ask esbuild itself would cost more than a cached bundle may. */
export const esbuildVersion = "0.28.2";

const mapLine = (name: string): string => `//# sourceMappingURL=${name}\n`;

export interface StoredBundle {
  readonly hash: string;
  readonly file: string;
  readonly map: string;
}

interface Index {
  readonly format: number;
  readonly esbuild: string;
  readonly entry: string;
  readonly runtimeExports: string;
  readonly hash: string;
  readonly map: string;
  /** What the bundle was made of, and its map. (The bundle itself needs no mark: its name is its hash.) */
  readonly inputs: readonly InputMark[];
}

export class BundleCache {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = path.resolve(stateDir, "bundles");
  }

  #indexFile(entry: string): string {
    return path.join(this.#directory, "index", `${sha256(entry)}.json`);
  }

  /** The bundle of `entry`, if it is there whole and nothing that it was made of has changed. */
  find(entry: string, runtimeExports: readonly string[]): StoredBundle | null {
    const index = readIndex(this.#indexFile(entry));
    if (index?.entry !== entry || index.runtimeExports !== namesHash(runtimeExports)) return null;
    const file = path.join(this.#directory, `${index.hash}.mjs`);
    const map = path.join(this.#directory, index.map);
    if (!hasHash(file, index.hash)) return null;
    const inputs = checkInputs(index.inputs);
    if (inputs === null) return null;
    try {
      if (inputs !== index.inputs) writeWhole(this.#indexFile(entry), JSON.stringify({ ...index, inputs }));
      touch(file);
    } catch {
      // A read-only state directory: the bundle is good all the same, only its marks stay old.
    }
    return { hash: index.hash, file, map };
  }

  /** Whether the files that `entry` is made of now are those that the bundle `hash` was made of. */
  isCurrent(entry: string, hash: string): boolean {
    const index = readIndex(this.#indexFile(entry));
    return index?.entry === entry && index.hash === hash && checkInputs(index.inputs) !== null;
  }

  /**
   * Writes the bundle. `inputs: null` if they were changing while it was made: then it is not found again.
   */
  store(
    entry: string,
    names: readonly string[],
    code: string,
    map: string,
    inputs: readonly InputMark[] | null,
  ): StoredBundle {
    const mapFile = `${sha256(code).slice(0, 32)}.map`;
    const text = `${code}${mapLine(mapFile)}`;
    const hash = sha256(text);
    const file = path.join(this.#directory, `${hash}.mjs`);
    const stored = { hash, file, map: path.join(this.#directory, mapFile) };
    const indexFile = this.#indexFile(entry);
    try {
      fs.mkdirSync(path.dirname(indexFile), { recursive: true });
      writeWhole(stored.map, map);
      if (hasHash(stored.file, hash)) touch(stored.file);
      else writeWhole(stored.file, text);
      if (inputs === null) {
        fs.rmSync(indexFile, { force: true });
      } else {
        const index: Index = {
          format: indexFormat,
          esbuild: esbuildVersion,
          entry,
          runtimeExports: namesHash(names),
          hash,
          map: mapFile,
          inputs: [...inputs, markInput(stored.map)],
        };
        writeWhole(indexFile, JSON.stringify(index));
      }
    } catch (cause) {
      const message = `the bundle of ${entry} cannot be written to ${this.#directory}: ${String(cause)}`;
      throw new ShoalError("SCRATCH_FAILED", message, { cause });
    }
    sweepBundles(this.#directory, hash);
    return stored;
  }
}

const namesHash = (names: readonly string[]): string => sha256(JSON.stringify(names));

function hasHash(file: string, hash: string): boolean {
  try {
    return sha256(fs.readFileSync(file)) === hash;
  } catch {
    return false; // Absent or unreadable: as good as damaged.
  }
}

function readIndex(file: string): Index | null {
  try {
    const index = JSON.parse(fs.readFileSync(file, "utf8")) as Index;
    const { format, esbuild, hash, map, inputs } = index;
    const isOurs = format === indexFormat && esbuild === esbuildVersion && Array.isArray(inputs);
    return isOurs && bundleName.test(`${hash}.mjs`) && mapName.test(map) ? index : null;
  } catch {
    return null; // Absent or damaged: the bundle is made anew, and the index with it.
  }
}

/** The sweep takes the least recently used first. */
function touch(file: string): void {
  const now = new Date();
  fs.utimesSync(file, now, now);
}

let writes = 0;

function writeWhole(file: string, text: string): void {
  const tmp = `${file}.${process.pid}-${writes++}-${Math.random().toString(36).slice(2)}.tmp`;
  try {
    fs.writeFileSync(tmp, text);
    fs.renameSync(tmp, file);
  } catch (error) {
    fs.rmSync(tmp, { force: true });
    throw error;
  }
}

/** Where a bundle's paths begin, and whether its file is whole: what a slot asks before it imports it. */
export function inspectBundle(file: string): { isWhole: boolean; base: string | null } {
  const text = fs.readFileSync(file);
  const isWhole = !bundleName.test(path.basename(file)) || `${sha256(text)}.mjs` === path.basename(file);
  const map = mapOf(text);
  return { isWhole, base: map === null ? null : baseOf(path.join(path.dirname(file), map)) };
}

/** The source map's text begins with this, so that the base can be read without parsing the rest. */
export const mapStart = (baseUrl: string): string => `{"version":3,"sourceRoot":${JSON.stringify(baseUrl)},`;

function baseOf(map: string): string | null {
  const head = Buffer.alloc(8192);
  try {
    const handle = fs.openSync(map, "r");
    try {
      fs.readSync(handle, head);
    } finally {
      fs.closeSync(handle);
    }
  } catch {
    return null; // Without a map the bundle still runs; import.meta then means the bundle's own file.
  }
  const match = /^\{"version":3,"sourceRoot":("[^"\\]*")/.exec(head.toString("utf8"))?.[1];
  return match === undefined ? null : (JSON.parse(match) as string);
}
