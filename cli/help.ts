export const HELP = `qdrant-bench: find out, by experiment, how to run Qdrant for your data

Usage:
  qdrant-bench run FILE.yaml [options]   run a QdrantSweep here, to its verdict; killed and started again, it goes on
  qdrant-bench list [options]            the sweeps in the store
  qdrant-bench show NAME [options]       one sweep: its result and everything measured

Options:
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
