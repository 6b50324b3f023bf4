/** So many at a time; the first failure ends it when those under way have ended. */
export async function inTurns<T>(
  items: readonly T[],
  atMost: number,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const run = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      try {
        await act(items[next++]!);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atMost, items.length) }, run));
  if (failures.length > 0) throw failures[0];
}
