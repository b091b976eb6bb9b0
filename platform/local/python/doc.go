// Package python runs Python programs that the project uses: dbt, DuckDB, moto, and the engines that benchmarks compare with.
//
// An Environment is a virtual environment in the project's cache, with exactly the requested packages. Nothing is installed in the
// user's Python, which must be of version 3.10 or later.
//
// What must hold: an environment that Ensure returns is complete. Other requirements make it again. The error for a machine without
// Python (NoPythonError) differs from that of a failed installation.
package python
