import { openRunStore } from '../open-store.ts';
import { newExperiment, newSearch } from './records.ts';

// A process that commits searches until it is killed, and prints the id of each once the store has acknowledged it.
const [, , location = '', prefix = ''] = process.argv;
const store = await openRunStore(location);
const { id } = await store.ensureExperiment(newExperiment('killed'), new Date().toISOString());
for (let number = 0; ; number += 1) {
  const search = `${prefix}-${String(number)}`;
  await store.commitSearch(id, newSearch(search));
  process.stdout.write(`${search}\n`);
}
