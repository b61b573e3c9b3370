/** The parts of `GET /collections/c` that are used here. */
export interface CollectionInfo {
  status: string;
  optimizer_status?: 'ok' | { error: string };
  points_count?: number;
  indexed_vectors_count?: number;
  segments_count?: number;
  /** Since 1.17; deferred points since 1.18. */
  update_queue?: { length?: number; deferred_points?: number | null };
  config?: Record<string, unknown>;
  /** Payload indexes by field. */
  payload_schema?: Record<string, { data_type: string; params?: Record<string, unknown>; points?: number }>;
}

/** The parts of `GET /collections/c/optimizations` (since 1.17) that are used here. */
export interface Optimizations {
  summary?: { queued_optimizations?: number; queued_points?: number };
  running?: { progress?: { done?: number; total?: number } }[];
}
