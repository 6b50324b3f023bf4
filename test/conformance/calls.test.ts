import { callsConformance } from "./calls.ts";

const noCrash = "a thread that ends its process ends the program with it";

callsConformance({
  name: "each slot a thread",
  options: { isolation: "thread" },
  manyCalls: 100_000,
  deviations: {
    "a crash: SLOT_LOST with the signal": noCrash,
    "a call whose slot was lost is tried again as its retries say": noCrash,
    "many calls that end their slots take nothing from those that wait": noCrash,
    "the reader of a stream whose slot is lost is told": noCrash,
  },
});

callsConformance({
  name: "each slot a process",
  options: { isolation: "process" },
  manyCalls: 4000,
  deviations: {
    "shared() arrives without a copy: what one slot writes is seen by others, and here":
      "processes share no memory: they get copies",
  },
});

const blocks = "what computes in the calling thread keeps everything else from running";
const survives = "what ends the calling thread ends the program";

const alive = "the event loop of the program never runs empty for a call";
const lines = "the test runner maps the stacks of this thread, and knows no maps of ours";
const own = "a module that connects in the calling thread gets a connection of its own";

callsConformance({
  name: "inline",
  options: { mode: "inline" },
  manyCalls: 4000,
  deviations: {
    "a busy loop that looks at its signal, taken once, ends": blocks,
    "one that does not listen loses its slot after the grace time; what waits behind it runs in the next":
      blocks,
    "others are unharmed while a slot is replaced": blocks,
    "what was moved to a slot that is then lost is lost as well, and says so": blocks,
    "a call that is aborted ends the calls that it waits for, and harms no other": own,
    "process.exit fails the call, with its line, and nothing else": survives,
    "a full heap: OUT_OF_MEMORY with its certificate, and the call beside it ends well": survives,
    "a crash: SLOT_LOST with the signal": survives,
    "a call whose slot was lost is tried again as its retries say": survives,
    "many calls that end their slots take nothing from those that wait": survives,
    "the reader of a stream whose slot is lost is told": survives,
    "an unhandled rejection after the call has returned is printed, and the slot goes on": survives,
    "a promise that can never settle is found out": alive,
    "a module that never ends to load rejects each call, and nothing hangs": alive,
    "a module that throws while it loads rejects each call, and nothing hangs": lines,
    "a module that exits while it loads rejects each call, and nothing hangs": survives,
    "the stack has the remote line in the user's TypeScript, then the caller's": lines,
    "errors of streams and of maps have the remote line, and streams the caller's": lines,
    "fib: a tree of calls that wait for calls": own,
    "a chain of calls far deeper than there are slots, and than calls that may wait": own,
    "map() in a remote function": own,
    "errors of inner calls arrive as such, and can be caught": own,
    "inner calls can be aborted": own,
    "a stream may be made of inner calls, with one slot": own,
    "streams are not for inner calls: that is said, whether they are read or awaited": own,
    "drain lets calls of calls be made; no call, and no stream of theirs, stays behind": own,
    "what functions print goes to onOutput": "it is printed where the program prints",
  },
});
