import type { Wire } from '../peers/wire.ts';

/** How a text fares on its way. */
export type Fate = 'arrives' | 'lost' | 'twice' | 'late';

/** Wires between `n` in one process, which lose, repeat and delay as told. `cut` ones hear and say nothing, and know it. */
export function memoryWires(
  n: number,
  fate: () => Fate = () => 'arrives',
): { wires: Wire[]; cut: Set<number>; dead: Set<number> } {
  const listeners: ((from: number, text: string) => void)[] = [];
  const cut = new Set<number>();
  const dead = new Set<number>();
  const off = (pod: number): boolean => cut.has(pod) || dead.has(pod);
  const wires = Array.from({ length: n }, (_, pod): Wire => {
    return {
      send: (to, text) => {
        const deliver = (): void => {
          if (!off(pod) && !off(to)) listeners[to]?.(pod, text);
        };
        const how = fate();
        if (how === 'lost') return;
        setTimeout(deliver, how === 'late' ? 15 : 0);
        if (how === 'twice') setTimeout(deliver, 5);
      },
      listen: (onText) => void (listeners[pod] = onText),
      connected: () => !cut.has(pod),
    };
  });
  return { wires, cut, dead };
}
