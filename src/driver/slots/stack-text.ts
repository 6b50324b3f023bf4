// Frames of the inspector as text: in the form of an Error's stack, mapped by source maps to what users wrote.
//
// Node maps the stacks of errors itself; frames that come from a debugger it does not.

import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";

/** A frame as the inspector tells it; lines and columns count from 0. */
export interface RawFrame {
  readonly functionName: string;
  readonly url: string;
  /** As the script names it: relative to the script, or a data: URL; "" if it has none. */
  readonly sourceMapUrl: string;
  readonly line: number;
  readonly column: number;
}

const framesMax = 50;
const mapsMax = 8;

interface Mapping {
  readonly map: SourceMap;
  /** Sources as absolute URLs, by their names in the map. */
  readonly sources: ReadonlyMap<string, string>;
}

const mappings = new Map<string, Mapping | null>();

/** One line for each frame, innermost first. */
export function stackText(frames: readonly RawFrame[]): string {
  const lines = frames.slice(0, framesMax).map(frameText);
  if (frames.length > framesMax) lines.push(`    … ${frames.length - framesMax} more frames`);
  return lines.join("\n");
}

function frameText(frame: RawFrame): string {
  const place = placeOf(frame);
  return frame.functionName === "" ? `    at ${place}` : `    at ${frame.functionName} (${place})`;
}

function placeOf({ url, sourceMapUrl, line, column }: RawFrame): string {
  const mapping = sourceMapUrl === "" ? null : mappingOf(url, sourceMapUrl);
  const entry = mapping?.map.findEntry(line, column);
  if (
    mapping !== null &&
    entry !== undefined &&
    "originalSource" in entry &&
    entry.originalSource !== undefined
  ) {
    const source = mapping.sources.get(entry.originalSource) ?? entry.originalSource;
    return `${pathOf(source)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  }
  return `${url === "" ? "<anonymous>" : pathOf(url)}:${line + 1}:${column + 1}`;
}

function pathOf(url: string): string {
  if (!url.startsWith("file:")) return url;
  try {
    return fileURLToPath(url);
  } catch {
    return url; // Malformed, or with a host: it stays as it is.
  }
}

/** A map that cannot be read leaves frames unmapped: this is a help for people, nothing depends on it. */
function mappingOf(url: string, sourceMapUrl: string): Mapping | null {
  const known = mappings.get(url);
  if (known !== undefined) return known;
  const mapping = readMapping(url, sourceMapUrl);
  if (mappings.size >= mapsMax) mappings.delete(mappings.keys().next().value!);
  mappings.set(url, mapping);
  return mapping;
}

function readMapping(url: string, sourceMapUrl: string): Mapping | null {
  try {
    const location = new URL(sourceMapUrl, url);
    const payload = JSON.parse(
      location.protocol === "data:" ? decodeData(location.href) : readFileSync(location, "utf8"),
    ) as SourceMapPayload;
    const root = payload.sourceRoot ?? "";
    return {
      map: new SourceMap(payload),
      sources: new Map(
        payload.sources.map((source) => [
          source,
          new URL(root + source, location.protocol === "data:" ? url : location).href,
        ]),
      ),
    };
  } catch {
    return null;
  }
}

function decodeData(url: string): string {
  const comma = url.indexOf(",");
  const body = url.slice(comma + 1);
  return url.slice(0, comma).endsWith(";base64")
    ? Buffer.from(body, "base64").toString("utf8")
    : decodeURIComponent(body);
}
