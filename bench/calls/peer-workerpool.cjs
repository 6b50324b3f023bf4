const workerpool = require("workerpool");
workerpool.worker({
  inc: (x) => x + 1,
  megabyte() {
    const bytes = new Uint8Array(1_048_576);
    bytes[0] = 1;
    bytes[1_048_575] = 2;
    return new workerpool.Transfer(bytes, [bytes.buffer]);
  },
});
