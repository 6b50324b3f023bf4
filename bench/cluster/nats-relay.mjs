// What a dispatcher of the cluster would be at its barest: takes a request, hands it to a worker, and has the answer go
// straight to whoever asked. usage: nats-relay.mjs URL
import { connect } from "@nats-io/transport-node";

const nc = await connect({ servers: process.argv[2] });
nc.subscribe("bench.relay", {
  callback: (_error, message) => nc.publish("bench.echo", message.data, { reply: message.reply }),
});
await nc.flush();
process.send("ready");
process.on("disconnect", () => process.exit(0));
