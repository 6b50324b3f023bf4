// Waiting for something that is about to happen without giving up the core: to wake a thread takes longer than most small
// calls do. Only as long as it helps: after waits that were in vain it is tried rarely (as adaptive mutexes do).

const spinMs = 0.03;
/** Tries in a row that were in vain, after which only every so many waits try. */
const vainMax = 4;
const rarely = 32;

export class Spin {
  private inVain = 0;
  private waits = 0;

  /** Whether it happened within some microseconds. */
  until(happens: () => boolean): boolean {
    if (this.inVain >= vainMax && ++this.waits % rarely !== 0) return false;
    const ends = performance.now() + spinMs;
    do {
      if (happens()) {
        this.inVain = 0;
        return true;
      }
    } while (performance.now() < ends);
    this.inVain++;
    return false;
  }
}
