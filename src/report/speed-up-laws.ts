// The laws by which speed-up is judged, with their sources. Pure arithmetic.

/**
 * Amdahl's law: the speed-up on `p` processors of work of which the share `serial` cannot be divided.
 * S(p) = 1 / (f + (1 - f) / p). G. M. Amdahl, "Validity of the single processor approach to achieving large
 * scale computing capabilities", AFIPS 1967. For p = Infinity its limit, 1 / f.
 */
export const amdahl = (serial: number, p: number): number => 1 / (serial + (1 - serial) / p);

/**
 * The Karp-Flatt metric: the serial share that a measured speed-up `psi` on `p` processors would come from.
 * e = (1/ψ - 1/p) / (1 - 1/p). A. H. Karp and H. P. Flatt, "Measuring parallel processor performance", CACM
 * 33 (1990). Null on one processor, and without a speed-up, where it is not defined.
 */
export const karpFlatt = (psi: number, p: number): number | null =>
  p <= 1 || psi <= 0 ? null : (1 / psi - 1 / p) / (1 - 1 / p);

export interface ScheduleBounds {
  readonly least: number;
  readonly most: number;
}

/**
 * The bounds of any greedy schedule: max(T1 / p, T∞) <= Tp <= T∞ + (T1 - T∞) / p, T1 being the whole work and
 * T∞ the longest chain in it. R. L. Graham, "Bounds for certain multiprocessing anomalies", Bell System Technical
 * Journal 45 (1966).
 */
export const scheduleBounds = (work: number, chain: number, p: number): ScheduleBounds => ({
  least: Math.max(work / p, chain),
  most: chain + (work - chain) / p,
});
