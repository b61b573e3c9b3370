/**
 * Carries short texts between the load generators that share a job, each known by its number, 0 … n − 1. It may lose, delay
 * and repeat them. One goes over NATS (pods), one over the process that started them (a machine).
 */
export interface Wire {
  send(to: number, text: string): void;
  /** Called once. */
  listen(onText: (from: number, text: string) => void): void;
  /** While it is cut off itself, the silence of others means nothing. */
  connected(): boolean;
}
