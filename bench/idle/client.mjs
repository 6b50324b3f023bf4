// A client that is connected, and once it has called a function holds the slots that it leased for that, and does nothing
// more. usage: client.mjs URL STATE_DIR connected|called
import { connect } from "shoal";

const [url, stateDir, what] = process.argv.slice(2);
const shoal = await connect(url, { stateDir });
if (what === "called") {
  const { inc } = shoal.use(new URL("../calls/functions.ts", import.meta.url));
  await Promise.all(Array.from({ length: 1000 }, (_, n) => inc(n)));
}
process.send("ready");
process.on("disconnect", () => process.exit(0));
setInterval(() => {}, 60_000);
