// Package quality defines the quality metrics: what a contract may demand of a candidate, and how it is measured.
//
// A Metric is one value in one file: its words in a contract, its measuring and its cases. The file registers the value;
// the contract parser, the quality gate, the documentation and the tests find it among All. A Rule bounds one metric.
// A Pass measures several rules while the candidate's rows are read once.
//
// What must hold: a rule that measures nothing (no value, no published snapshot) passes, a metric that is not registered
// never passes, and no metric keeps more than a digest of each distinct value.
package quality
