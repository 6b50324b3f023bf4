// Text from data, made fit for a terminal: control characters shown instead of obeyed, lengths bounded.

// C0 and C1 controls and DEL, line and paragraph separators, and the marks that turn text around
// (CVE-2021-42574).
// oxlint-disable-next-line no-control-regex -- finding control characters is the point
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const named: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\u001b": "\\e",
  "\u0000": "\\0",
};

const show = (char: string): string => {
  const code = char.charCodeAt(0);
  const hex = code.toString(16);
  return named[char] ?? (code < 256 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
};

/** One line: every control character, line ends too, as an escape. */
export const escapeLine = (text: string): string => text.replace(controls, show);

/** Several lines: line ends and tabs stay. */
export const escapeText = (text: string): string =>
  text
    .replaceAll("\r\n", "\n")
    .replace(controls, (char) => (char === "\n" || char === "\t" ? char : show(char)));

// oxlint-disable-next-line no-control-regex -- as above
const colour = /(\u001b\[[0-9;:]{0,40}m)/;

/**
 * What user code prints: its colours (SGR sequences) stay too; what moves the cursor or talks to the terminal
 * does not.
 */
export const escapeOutput = (text: string): string =>
  text
    .split(colour)
    .map((part, i) => (i % 2 === 1 ? part : escapeText(part)))
    .join("");

/** At most `max` characters, the last an ellipsis if there were more. Does not cut a character in two. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const chars = Array.from(text.slice(0, 2 * max));
  if (chars.length <= max && text.length <= 2 * max) return text;
  return `${chars.slice(0, Math.max(0, max - 1)).join("")}…`;
}

/** A value that somebody typed, quoted for a message. */
export const quote = (text: string): string => `"${clip(escapeLine(text), 100)}"`;
