import { describe, expect, test } from "vitest";
import { fill, parseTemplate, transform, type ArgumentForm } from "./replacement.ts";

const filled = (command: string | readonly string[], ...args: string[]): string =>
  fill(parseTemplate(command), { args, seq: 4, slot: 2 });

describe("what a form leaves of a name (as GNU parallel 20221122 printed it)", () => {
  const table: readonly [arg: string, ...forms: string[]][] = [
    // {.} {/} {//} {/.}
    ["a", "a", "a", ".", "a"],
    ["b.c", "b", "b.c", ".", "b"],
    ["/d/e.f", "/d/e", "e.f", "/d", "e"],
    ["./x.tar.gz", "./x.tar", "x.tar.gz", ".", "x.tar"],
    [".bashrc", "", ".bashrc", ".", ""],
    ["a/.b.c", "a/.b", ".b.c", "a", ".b"],
    ["/", "/", "", "/", ""],
    ["//", "//", "", "/", ""],
    ["a/", "a/", "", ".", ""],
    ["a.b/", "a.b/", "", ".", ""],
    ["a.b/c", "a.b/c", "c", "a.b", "c"],
    [".", "", ".", ".", ""],
    ["..", ".", "..", ".", "."],
    ["a/..", "a/.", "..", "a", "."],
    ["/x", "/x", "x", "/", "x"],
    ["", "", "", ".", ""],
    ["x.", "x", "x.", ".", "x"],
    ["a//b", "a//b", "b", "a", "b"],
    ["a/b//", "a/b//", "", "a", ""],
    ["///a///b", "///a///b", "b", "///a", "b"],
  ];
  test.each(table)("%j", (arg, ...forms) => {
    expect((["", ".", "/", "//", "/."] satisfies ArgumentForm[]).map((form) => transform(arg, form))).toEqual(
      [arg, ...forms],
    );
  });
});

test.each([
  ["echo {}", ["a b"], "echo 'a b'"],
  ["echo", ["a b"], "echo 'a b'"],
  ["echo x{}y", ["a"], "echo xay"],
  ["echo {#} {%}", ["a"], "echo 4 2"],
  ["echo {1} {2} {1.} {2/} {-1} {3}", ["a.x", "c/d"], "echo a.x c/d a d c/d "],
  ["echo {0} {-2} {-3} {1//} {-1/.} {+1} {01} {a}", ["a/b.c", "d"], "echo a/b.c d a/b.c  a d {+1} a/b.c {a}"],
  ["echo {} {/}", ["a/1", "2"], "echo a/1 2 1 2"],
  ["echo x{}y", ["1", "2"], "echo x1 2y"],
  ["echo a  b $HOME", ["x"], "echo a  b $HOME x"],
  ["", ["echo $HOME"], "echo $HOME"],
  ["{}", ["echo a b"], "echo a b"],
  ["{} x", ["echo a"], "echo a x"],
  ["{1} {2} {1}", ["echo", "a b"], "echo a b echo"],
  ["{#} {}", ["a b"], "4 a b"],
  [" {} {}", ["a b"], " 'a b' 'a b'"],
  ["echo {}", [""], "echo ''"],
])("%j with %j", (command, args, expected) => {
  expect(filled(command, ...args)).toBe(expected);
});

test.each([
  [["echo", "a  b", "$HOME", "x{}y'", ""], ["x z"], `echo 'a  b' '$HOME' x'x z''y'"'" ''`],
  [["{}", "a"], ["echo b"], "'echo b' a"],
  [["echo", "it's"], ["x"], `echo 'it'"'"'s' x`],
  [["printf", "{1}-{2}"], ["a", "b"], "printf a-b"],
])("words %j with %j", (command, args, expected) => {
  expect(filled(command, ...args)).toBe(expected);
});

test("an argument is put in once: what it holds is not replaced again", () => {
  expect(filled("echo {} {1}", "{2}{#}")).toBe("echo '{2}{#}' '{2}{#}'");
});

test("a template knows whether its command depends on the slot", () => {
  expect(parseTemplate("echo {%}").usesSlot).toBe(true);
  expect(parseTemplate("echo {#}").usesSlot).toBe(false);
});
