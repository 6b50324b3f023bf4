import { move } from "piscina";
import { serve as served } from "./serve.mjs";
export default (x) => x + 1;
export function megabyte() {
  const bytes = new Uint8Array(1_048_576);
  bytes[0] = 1;
  bytes[1_048_575] = 2;
  return move(bytes);
}
export const serve = (ms) => served(ms);
