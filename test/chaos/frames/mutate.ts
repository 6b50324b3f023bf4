// What can become of a message on its way, or be sent by somebody who does not know better: members that are missing, of
// another type, over-long or unknown; other versions and epochs; names that are special to JavaScript; deep nesting;
// bytes that are no text; pieces of other messages.

import { below, type Rng } from "../../../src/base/rng.ts";

type Json = unknown;
type Node = Record<string, Json>;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Stands for what JSON.stringify cannot write: thousands of lists in each other. */
const deepMark = "\u0001deep\u0001";
const deepLists = 20_000;

const odd: readonly ((chances: Rng) => Json)[] = [
  () => null,
  () => true,
  () => -1,
  () => 0,
  () => 0.5,
  () => 2 ** 53 - 1,
  () => 2 ** 53,
  () => 1e308,
  () => 4_294_967_296,
  () => "",
  () => "x".repeat(100_000),
  () => "\ud800",
  () => "../../../../etc/passwd",
  () => "w1",
  () => "t0.1",
  () => "t999999999.999999",
  () => "__proto__",
  () => "constructor",
  () => [],
  () => [null],
  () => [[[]]],
  () => Array.from({ length: 5000 }, (_, i) => i),
  () => ({}),
  () => ({ toString: 1, valueOf: 1 }),
  () => ({ length: -1 }),
  () => JSON.parse('{"__proto__":{"polluted":true}}') as Json,
  () => ({ constructor: { prototype: { polluted: true } } }),
  () => deepMark,
  (chances) => `w${below(chances, 30)}`,
  (chances) => below(chances, 10),
];

interface Place {
  readonly holder: Node;
  readonly name: string;
}

/** All members of the message, and of what is in it. */
function placesIn(value: Json, found: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null || found.length > 500) return found;
  for (const name of Object.keys(value)) {
    found.push({ holder: value as Node, name });
    placesIn((value as Node)[name], found);
  }
  return found;
}

const put = (holder: Node, name: string, value: Json): void => {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
};

/** Changes a member or two. */
function changed(message: Json, others: readonly Json[], chances: Rng): Json {
  const copy = structuredClone(message);
  for (let n = below(chances, 4) === 0 ? 2 : 1; n > 0; n--) {
    const places = placesIn(copy);
    if (places.length === 0) return odd[below(chances, odd.length)]!(chances);
    const { holder, name } = places[below(chances, places.length)]!;
    switch (below(chances, 8)) {
      case 0:
        if (Array.isArray(holder)) holder.pop();
        else delete holder[name];
        break;
      case 1:
        put(holder, ["__proto__", "constructor", "prototype", "kind", "toJSON"][below(chances, 5)]!, {
          polluted: true,
        });
        break;
      case 2: {
        const from = placesIn(others[below(chances, others.length)]);
        const other = from[below(chances, Math.max(1, from.length))];
        if (other !== undefined) put(holder, name, structuredClone(other.holder[other.name]));
        break;
      }
      case 3:
        if (typeof holder[name] === "number") holder[name] += below(chances, 2) === 0 ? 1 : -1;
        else put(holder, name, `${String(typeof holder[name] === "string" ? holder[name] : "")}?`);
        break;
      default:
        put(holder, name, odd[below(chances, odd.length)]!(chances));
    }
  }
  return copy;
}

function asText(value: Json): string {
  const text = JSON.stringify(value) ?? "";
  return text.replaceAll(JSON.stringify(deepMark), "[".repeat(deepLists) + "]".repeat(deepLists));
}

/** Bytes with some of them changed, gone, doubled or added. */
export function damaged(bytes: Uint8Array, chances: Rng): Uint8Array {
  const copy = Buffer.from(bytes);
  const at = below(chances, Math.max(1, copy.length));
  switch (below(chances, 6)) {
    case 0:
      return copy.subarray(0, at);
    case 1:
      return Buffer.concat([copy.subarray(0, at), Buffer.from([0xff, 0xc0, 0x80]), copy.subarray(at)]);
    case 2:
      return Buffer.concat([copy, copy]);
    case 3:
      return Buffer.concat([
        copy.subarray(0, at),
        copy.subarray(Math.min(copy.length, at + 1 + below(chances, 8))),
      ]);
    default:
      for (let n = 1 + below(chances, 4); n > 0; n--) {
        const bit = below(chances, Math.max(1, copy.length * 8));
        if (copy.length > 0) copy[bit >> 3]! ^= 1 << (bit & 7);
      }
      return copy;
  }
}

const nonsense: readonly string[] = [
  "",
  "null",
  "[]",
  "0",
  '""',
  "{}",
  "{",
  '{"v":1}',
  '{"kind":null}',
  "\0",
];

/** The message as it may arrive: `others` are messages of the same conversation. */
export function mutated(bytes: Uint8Array, others: readonly Uint8Array[], chances: Rng): Uint8Array {
  const kind = below(chances, 20);
  if (kind === 0) return encode(nonsense[below(chances, nonsense.length)]!);
  if (kind === 1) return encode("[".repeat(deepLists) + "]".repeat(deepLists));
  if (kind < 6) return damaged(bytes, chances);
  if (kind === 6) return bytes; // doubled, reordered, of another conversation
  const parse = (one: Uint8Array): Json => JSON.parse(Buffer.from(one).toString("utf8")) as Json;
  return encode(asText(changed(parse(bytes), others.map(parse), chances)));
}
