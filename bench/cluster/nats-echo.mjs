// Answers requests, as barely as can be. usage: nats-echo.mjs URL
import { connect } from "@nats-io/transport-node";

const nc = await connect({ servers: process.argv[2] });
nc.subscribe("bench.echo", { callback: (_error, message) => message.respond(message.data) });
await nc.flush();
process.send("ready");
process.on("disconnect", () => process.exit(0));
