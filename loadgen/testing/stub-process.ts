import { startStub, type StubBehaviour } from './stub-qdrant.ts';

/** The stand-in as a process of its own, for load: behaviour and points as JSON in the first argument. */
const { behaviour, points } = JSON.parse(process.argv[2] ?? '{}') as {
  behaviour?: Partial<StubBehaviour>;
  points?: number[][];
};
const stub = await startStub(behaviour);
points?.forEach((vector, id) => stub.points.set(id, vector));
process.stdout.write(`${stub.url}\n`);
process.stdin.resume().on('end', () => process.exit(0));
