// Values of one shape: plain objects with the same properties in the same order, or arrays of the same length, that
// hold nothing but primitives. They travel as a column for each property: several times faster than through node:v8,
// and their names are written once.
//
// Primitives only: what an object shares with another, or with itself, is then nothing that could be lost.

/** The names of the properties, or null for arrays; and for each the values of all objects. */
export interface Shape {
  readonly names: readonly string[] | null;
  readonly fields: readonly unknown[][];
}

export const fieldsMax = 64;

const isPrimitive = (value: unknown): boolean => {
  const type = typeof value;
  return type === "object" ? value === null : type !== "function" && type !== "symbol";
};

/** The shape that all of `values` have, or null. */
export function shapeOf(values: readonly unknown[]): Shape | null {
  const first = values[0];
  if (typeof first !== "object" || first === null) return null;
  const names = Object.keys(first);
  if (names.length === 0 || names.length > fieldsMax || names.includes("__proto__")) return null;
  const isArray = Array.isArray(first);
  const fields = names.map((): unknown[] => []);
  for (const value of values) {
    if (typeof value !== "object" || value === null) return null;
    if (
      isArray
        ? !addArray(value, fields)
        : !addObject(value as Readonly<Record<string, unknown>>, names, fields)
    )
      return null;
  }
  return { names: isArray ? null : names, fields };
}

/** False if the array is of another length, has holes or named properties, or holds objects. */
function addArray(value: object, fields: readonly unknown[][]): boolean {
  if (!Array.isArray(value) || Object.getPrototypeOf(value) !== Array.prototype) return false;
  if (value.length !== fields.length || Object.keys(value).length !== value.length) return false;
  for (let i = 0; i < fields.length; i++) {
    if (!(i in value) || !isPrimitive(value[i])) return false;
    fields[i]!.push(value[i]);
  }
  return true;
}

function addObject(
  value: Readonly<Record<string, unknown>>,
  names: readonly string[],
  fields: readonly unknown[][],
): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length > 0)
    return false;
  const own = Object.keys(value);
  if (own.length !== names.length) return false;
  for (let i = 0; i < names.length; i++) {
    if (own[i] !== names[i]) return false;
    const item = value[names[i]!];
    if (!isPrimitive(item)) return false;
    fields[i]!.push(item);
  }
  return true;
}

/** The objects, or arrays, again. */
export function assemble({ names, fields }: Shape, count: number): unknown[] {
  const values: unknown[] = [];
  if (names === null) {
    for (let i = 0; i < count; i++) values.push(fields.map((field) => field[i]));
    return values;
  }
  for (let i = 0; i < count; i++) {
    const value: Record<string, unknown> = {};
    for (let f = 0; f < names.length; f++) value[names[f]!] = fields[f]![i];
    values.push(value);
  }
  return values;
}
