/**
 * Loaded before an operator: its wall clock differs from the machine's by FAULTS_CLOCK_SKEW_MS, as that of another node
 * may. What counts time that passes, timers and `performance`, is as it is.
 */
const skewMs = Number(process.env['FAULTS_CLOCK_SKEW_MS'] ?? 0);
const Real = Date;

globalThis.Date = new Proxy(Real, {
  construct: (_target, parameters: ConstructorParameters<typeof Date> | []) =>
    parameters.length === 0 ? new Real(Real.now() + skewMs) : new Real(...parameters),
  apply: () => new Real(Real.now() + skewMs).toString(),
  get: (target, key) => (key === 'now' ? () => Real.now() + skewMs : (Reflect.get(target, key) as unknown)),
});
