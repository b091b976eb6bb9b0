// Package python runs Python programs that the project compares itself with: moto, the peers of the staging bench, dbt.
//
// An Environment is a virtual environment of the project's own, kept in its cache with exactly the packages that were
// asked for. The user's Python gets nothing installed, and needs nothing but to be there, of version 3.10 or later.
//
// What must hold: an environment that Ensure answers is whole; another list of requirements makes it anew; a machine
// without Python is told apart (NoPythonError) from one where the installation failed.
package python
