"""Read the text, whole-number and boolean columns of a Parquet file with fastparquet and print them as JSON."""

import json
import sys

import fastparquet

table = fastparquet.ParquetFile(sys.argv[1]).to_pandas(columns=sys.argv[2:])
print(json.dumps({name: [str(v) for v in table[name]] for name in sys.argv[2:]}))
