/**
 * Parameters that a Qdrant server over the `qdrant-edge` engine refuses; dev/qdrant/README.md has the reasons. Such a
 * server says what it is in its telemetry; a Qdrant of Qdrant's honours all.
 */
export const UNSUPPORTED_BY_EDGE = [
  'optimizers_config.default_segment_number',
  'optimizers_config.max_optimization_threads',
  'optimizers_config.flush_interval_sec',
  'shard_number',
] as const;

/** Parameters the server at `url` cannot honour. A server that does not answer in time is taken for a full one. */
export async function unsupportedParameters(url: string, apiKey?: string): Promise<readonly string[]> {
  try {
    const response = await fetch(`${url}/telemetry`, {
      headers: apiKey ? { 'api-key': apiKey } : {},
      signal: AbortSignal.timeout(5000),
    });
    const body = (await response.json()) as { result?: { app?: { engine?: unknown } } };
    const engine = body.result?.app?.engine;
    return typeof engine === 'string' && engine.startsWith('qdrant-edge') ? UNSUPPORTED_BY_EDGE : [];
  } catch {
    return [];
  }
}
