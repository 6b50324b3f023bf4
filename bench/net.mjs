// Ports of loopback, for benchmarks and fault runs that start servers.
import { connect, createServer } from "node:net";

export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Whether somebody does there. */
export const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (is) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", done(true));
    socket.once("error", done(false));
  });
