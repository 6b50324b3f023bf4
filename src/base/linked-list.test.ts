import fc from "fast-check";
import { expect, test } from "vitest";
import { LinkedList, type ListNode } from "./linked-list.ts";

test("does what an array with splice does", () => {
  const step = fc.tuple(fc.constantFrom("append", "insert", "remove"), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new LinkedList<number>();
      const nodes: ListNode<number>[] = [];
      steps.forEach(([what, any], value) => {
        const place = nodes.length === 0 ? 0 : any % nodes.length;
        if (what === "append") nodes.push(list.append(value));
        else if (what === "insert") {
          nodes.splice(place, 0, list.insertAfter(place === 0 ? null : nodes[place - 1]!, value));
        } else if (nodes.length > 0) list.remove(nodes.splice(place, 1)[0]!);
        expect([...list]).toEqual(nodes.map((node) => node.value));
        expect(list.size).toBe(nodes.length);
        expect([list.first, list.last]).toEqual([nodes[0] ?? null, nodes.at(-1) ?? null]);
      });
    }),
    { numRuns: 300 },
  );
});
