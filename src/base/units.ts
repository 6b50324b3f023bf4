// Quantities as people write and read them: sizes, durations, counts.

const factors: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Bytes of "256m", "2g", "1.5 GiB", "4096"; units are powers of 1024, any case. Null if `text` is no size. */
export function parseBytes(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text);
  if (match === null) return null;
  const bytes = Math.round(Number(match[1]) * factors[match[2]!.toLowerCase()]!);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

const timeFactors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of "250ms", "30s", "5m", "2h", "90" (seconds). Null if `text` is no duration. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*$/i.exec(text);
  return match === null ? null : Math.round(Number(match[1]) * timeFactors[(match[2] ?? "s").toLowerCase()]!);
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** "1.5 MiB": bytes with three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(value >= 10 ? 1 : 2)} ${units[unit]}`;
}

/** "340 ms", "3.42 s", "2 m 05 s", "3 h 07 m". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} m ${two((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${two((ms % 3_600_000) / 60_000)} m`;
}

/** "1,234,567": a count with thousands separators, the same in every locale. */
export const formatCount = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
