// A second module, for the cold start.
export const twice = (x: number): number => 2 * x;
