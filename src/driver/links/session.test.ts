import { expect, test } from "vitest";
import { Session, type SessionFrame } from "./session.ts";

const acknowledged = (ack: number): SessionFrame<string> => ({ seq: 0, ack, body: null });

function talking(): { session: Session<string, string>; sent: () => number[] } {
  let sent: number[] = [];
  const session = new Session<string, string>(
    ({ seq }) => sent.push(seq),
    () => {},
    false,
  );
  return {
    session,
    sent: () => {
      const all = sent;
      sent = [];
      return all;
    },
  };
}

test("what is not acknowledged for two ticks is said again, and again", () => {
  const { session, sent } = talking();
  session.say("a");
  session.say("b");
  expect(sent()).toEqual([1, 2]);
  session.tick();
  expect(sent()).toEqual([0]);
  session.tick();
  expect(sent()).toEqual([1, 2]);
  session.tick();
  session.tick();
  expect(sent()).toEqual([0, 1, 2]);
});

test("a long transfer that gets on is said once, however long it takes", () => {
  const { session, sent } = talking();
  for (let n = 0; n < 10; n++) session.say("much");
  expect(sent()).toHaveLength(10);
  for (let ack = 1; ack < 10; ack++) {
    session.tick();
    session.hear(acknowledged(ack));
  }
  expect(sent().filter((seq) => seq !== 0)).toEqual([]);
  // From here on nothing gets on any more: the one that is missing was lost.
  session.tick();
  session.tick();
  expect(sent()).toEqual([0, 10]);
});

test("an acknowledgement that says nothing new is no progress", () => {
  const { session, sent } = talking();
  session.say("a");
  session.tick();
  session.hear(acknowledged(0));
  session.tick();
  expect(sent()).toEqual([1, 0, 1]);
  session.hear(acknowledged(1));
  session.tick();
  expect(sent()).toEqual([0]);
});
