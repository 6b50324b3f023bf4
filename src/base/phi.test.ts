import { describe, expect, test } from "vitest";
import { PhiDetector } from "./phi.ts";

const regular = (options = {}): PhiDetector => {
  const detector = new PhiDetector(options);
  for (let n = 0; n < 200; n++) detector.heard(1);
  return detector;
};

describe("the φ of a silence", () => {
  test("is 0 while nothing was heard", () => {
    expect(new PhiDetector().phi(1000)).toBe(0);
  });

  test("of regular heartbeats passes 8 between the 4th and the 5th that is missing", () => {
    expect(regular().phi(4)).toBeLessThan(1);
    expect(regular().phi(5)).toBeGreaterThan(8);
  });

  test("grows with the silence, and is finite", () => {
    const detector = regular();
    const phis = [1, 2, 4, 4.2, 4.6, 5, 6, 10, 1000].map((silence) => detector.phi(silence));
    expect([...phis].sort((a, b) => a - b)).toEqual(phis);
    expect(phis.every(Number.isFinite)).toBe(true);
  });

  test("is patient with who was irregular before", () => {
    const irregular = new PhiDetector();
    for (let n = 0; n < 100; n++) irregular.heard(n % 4 === 0 ? 4 : 1);
    expect(irregular.phi(6)).toBeLessThan(8);
    expect(irregular.phi(6)).toBeLessThan(regular().phi(6));
  });

  test("forgets gaps that are long ago", () => {
    const detector = new PhiDetector({ memory: 10 });
    for (let n = 0; n < 10; n++) detector.heard(50);
    for (let n = 0; n < 10; n++) detector.heard(1);
    expect(detector.phi(5)).toBeCloseTo(regular({ memory: 10 }).phi(5));
  });

  test("is −log10 of the normal distribution's tail, nearly", () => {
    // One deviation beyond the mean: 15.87 % are longer.
    const detector = new PhiDetector({ deviationMin: 1, pause: 0 });
    for (let n = 0; n < 10; n++) detector.heard(10);
    expect(detector.phi(11)).toBeCloseTo(-Math.log10(0.1587), 2);
    expect(detector.phi(9)).toBeCloseTo(-Math.log10(1 - 0.1587), 2);
  });
});
