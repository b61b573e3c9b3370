/** Does something with each of many, `width` at a time, in their order. @throws what the first that failed threw. */
export async function inParallel<T>(
  width: number,
  items: readonly T[],
  act: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [index, item] of left) await act(item, index);
    }),
  );
}
