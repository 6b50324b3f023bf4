// The program's file: from what the user named to a path that esbuild can start from.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { nearest } from "../base/near.ts";
import { ShoalError } from "../errors.ts";

const extensions = [".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs"];

/** The real path of the program named by an absolute path or a file: URL. */
export function resolveEntry(entry: string): string {
  const file = entry.startsWith("file:") ? fileURLToPath(entry) : entry;
  if (!path.isAbsolute(file)) {
    const message = `the job's file must be an absolute path or a file: URL, but it is "${entry}"`;
    throw new ShoalError("JOB_NOT_FOUND", message);
  }
  const stats = statOrNull(file);
  if (stats === null) throw missing(file);
  if (stats.isDirectory()) throw isDirectory(file);
  const extension = path.extname(file).toLowerCase();
  if (!stats.isFile() || !extensions.includes(extension)) {
    const what = stats.isFile() ? `has the extension "${extension}"` : "is not a regular file";
    const message = `${file} ${what}; a job is a file that ends in ${extensions.join(", ")}`;
    throw new ShoalError("NOT_A_JOB", message, {
      hint: "Name the TypeScript or JavaScript file that exports the job.",
      details: { file },
    });
  }
  return fs.realpathSync(file);
}

function statOrNull(file: string): fs.Stats | null {
  try {
    return fs.statSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    const message = `the job's file ${file} cannot be read: ${(error as Error).message}`;
    throw new ShoalError("JOB_NOT_FOUND", message, { cause: error });
  }
}

function programsIn(directory: string): string[] {
  try {
    const names = fs
      .readdirSync(directory)
      .filter((name) => !name.endsWith(".d.ts"))
      .sort();
    return names.filter((name) => extensions.includes(path.extname(name).toLowerCase()));
  } catch {
    return []; // The directory is missing or unreadable too: there is nothing to suggest.
  }
}

function missing(file: string): ShoalError {
  const directory = path.dirname(file);
  if (!fs.existsSync(directory)) {
    const message = `there is no file ${file}: its directory does not exist`;
    return new ShoalError("JOB_NOT_FOUND", message, { details: { file } });
  }
  const names = programsIn(directory);
  const stem = path.parse(file).name;
  const sameStem = names.find((name) => path.parse(name).name === stem);
  const near = sameStem ?? nearest(path.basename(file), names);
  const suggestion = near === null ? "" : `; did you mean ${near}?`;
  return new ShoalError("JOB_NOT_FOUND", `there is no file ${file}${suggestion}`, {
    ...(near === null ? {} : { hint: `Did you mean ${path.join(directory, near)}?` }),
    details: { file, near },
  });
}

function isDirectory(file: string): ShoalError {
  const programs = programsIn(file).slice(0, 5);
  const [first] = programs;
  return new ShoalError("JOB_NOT_FOUND", `${file} is a directory; a job is a file in it`, {
    ...(first === undefined ? {} : { hint: `Name the job's file, for example ${path.join(file, first)}.` }),
    details: { file, programs },
  });
}
