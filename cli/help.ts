import { flagsHelp } from './flags.ts';
import { INGEST_FLAGS } from './ingest-arguments.ts';
import { LOAD_FLAGS } from './load-arguments.ts';

export const HELP = `qdrant-bench: find out, by experiment, how to run Qdrant for your data

Usage:
  qdrant-bench run FILE.yaml [options]   run a QdrantSweep here, to its verdict; killed and started again, it goes on
  qdrant-bench list [options]            the sweeps in the store
  qdrant-bench show NAME [options]       one sweep: its result and everything measured
  qdrant-bench ingest [options]          a file's vectors into a collection, until it is ready; --help lists its options
  qdrant-bench load [options]            queries at a rate against a collection; --help lists its options

Options of run, list and show:
  --qdrant URL           measure this Qdrant instead of the file's target; an API key is read from QDRANT_API_KEY
  -n, --namespace NAME   the sweep's namespace (default: the file's, else "default")
  -o, --output FORMAT    text (default) or json: an object whose .status has the resource's shape
  --store LOCATION       where results are kept: a folder or postgres://…
                         (default: qdrant-bench under the XDG data directory)
  --log-level LEVEL      silent, error, warn (default), info or debug; JSON lines on standard error
  -h, --help             this text
  --version              the version

Without --qdrant, target.kubernetes is played by a throw-away local engine: the program in QDRANT_BIN, else one built once.
A Secret named in the file is read from QDRANT_BENCH_SECRET_<NAME>_<KEY> (upper case, other characters as _).

Exit codes of run:
  0 goal met   1 goal not met   2 invalid input   3 target, dataset or store unreachable
  4 interrupted or the store is full or in use: nothing is lost, run it again   70 our own fault
`;

const EXITS = `  2 invalid input   3 server unreachable   4 interrupted   70 our own fault
`;

export const LOAD_HELP = `qdrant-bench load: ask a collection for neighbours at a rate, and say how it bears that

Usage:
  qdrant-bench load --url URL --collection NAME --queries FILE --rate N [options]
  qdrant-bench load --url URL --collection NAME --queries FILE --arrivals Closed --concurrency N [options]

Options:
${flagsHelp(LOAD_FLAGS)}

Nothing is written to the server. Times count from when a request was due (responseMs), from when it was sent (serviceMs).
Was the load generator the limit, the verdict is Inconclusive, and its figures stand apart, under "limited".

Exit codes:
  0 Passed   1 Failed, Inconclusive or Error
${EXITS}`;

export const INGEST_HELP = `qdrant-bench ingest: put a file's vectors into a collection and wait until it is ready

Usage:
  qdrant-bench ingest --url URL --collection NAME --base FILE --distance NAME [options]

Options:
${flagsHelp(INGEST_FLAGS)}

A collection that is there is not touched without --resume or --recreate. A point's id is its row number, so that what was
interrupted can be gone on with. Batch size and requests at once follow what the server bears; 429, 503 and 507 are waited out.

Exit codes:
  0 all points are there and indexed   1 not so, or a setting was not taken over
${EXITS}`;
