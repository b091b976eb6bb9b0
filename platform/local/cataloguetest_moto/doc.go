// Package cataloguetest_moto holds the catalogue's conformance suite over Glue's protocol, against moto. moto keeps a
// table's versions and does not look at the one that an update names, so that what depends on it is shown in memory alone.
package cataloguetest_moto
