import type { Metric } from './metrics.ts';

/**
 * The metrics with what they cost: costPerHour is the target's price, costPerMillionQueries = price ÷ (throughput · 3600) · 10⁶,
 * its interval the throughput's turned over. Unchanged without a price; without a throughput above 0 only costPerHour is added.
 */
export function withCosts(metrics: readonly Metric[], pricePerHour: number | undefined): Metric[] {
  if (pricePerHour === undefined || !Number.isFinite(pricePerHour)) return [...metrics];
  const others = metrics.filter(({ name }) => name !== 'costPerHour' && name !== 'costPerMillionQueries');
  const result: Metric[] = [...others, { name: 'costPerHour', value: pricePerHour }];
  const throughput = metrics.find(({ name, query }) => name === 'throughput' && query === undefined);
  if (!throughput || !(throughput.value > 0)) return result;
  const perMillion = (rate: number) => (pricePerHour / (rate * 3600)) * 1e6;
  const { low, high } = throughput;
  result.push({
    name: 'costPerMillionQueries',
    value: perMillion(throughput.value),
    ...(low !== undefined && high !== undefined && low > 0 ? { low: perMillion(high), high: perMillion(low) } : {}),
  });
  return result;
}
