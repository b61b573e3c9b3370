/** Where a part of the body that created a collection is found in `config` of its info. */
function appliedPath(path: readonly string[]): readonly string[] {
  const [head, ...rest] = path;
  switch (head) {
    case 'vectors':
    case 'sparse_vectors':
    case 'shard_number':
    case 'sharding_method':
    case 'replication_factor':
    case 'write_consistency_factor':
    case 'on_disk_payload':
    case 'payload':
      return ['params', ...path];
    // Plural in the request, singular in the answer.
    case 'optimizers_config':
      return ['optimizer_config', ...rest];
    default:
      return path;
  }
}

/**
 * Settings that were asked for and are not in effect, by the server's own account. A value counts as applied when it is
 * equal (numbers: up to float32 rounding); `null` asks for the server's default and `{}` for nothing.
 * @returns sentences such as `hnsw_config.m: asked 32, applied 16`, sorted.
 */
export function ignoredSettings(
  asked: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
): string[] {
  const ignored: string[] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    if (value === null || value === undefined) return;
    if (typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
      return;
    }
    const applied = at(config, appliedPath(path));
    if (!same(value, applied)) {
      const text = `${path.join('.')}: asked ${brief(value)}, applied ${applied === undefined ? 'nothing' : brief(applied)}`;
      ignored.push(text.slice(0, 256));
    }
  };
  walk(asked, []);
  return ignored.sort();
}

function at(object: unknown, path: readonly string[]): unknown {
  let value: unknown = object;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function same(asked: unknown, applied: unknown): boolean {
  if (typeof asked === 'number' && typeof applied === 'number') {
    return Math.abs(asked - applied) <= 1e-6 * Math.max(1, Math.abs(asked));
  }
  return JSON.stringify(asked) === JSON.stringify(applied);
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
